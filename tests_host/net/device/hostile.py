# islet test: the table of hostile payloads on the device; prints the field each is refused by.
# GPL-3.0-or-later
import json

from firmware import image as im
from firmware.people.commands import Commands


class Policy:
    def set_goal(self, name):
        raise AssertionError(name)

    def set_wish(self, device, value, ttl_ms):
        raise AssertionError(value)


image = im.Image()
image.site[im.DEVICE_NODE + im.EVSE] = 1
image.site[im.DEVICE_MAX_MA + im.EVSE] = 16000
image.site[im.DEVICE_NODE + im.INVERTER] = 2
image.site[im.DEVICE_CHARGE_W + im.INVERTER] = image.site[im.DEVICE_DISCHARGE_W + im.INVERTER] = (
    5000
)
image.requests[im.RESERVE_PERMILLE] = 300
image.requests[im.OUTAGE_RESERVE_PERMILLE] = 100
commands = Commands(image, Policy())
before = bytes(image.requests)
with open("tests_host/net/hostile.json") as file:
    rows = json.load(file)
for name, payload, _ in rows:
    data = payload.encode()
    if data[:1] == b"\xed":  # stands for bytes that are no UTF-8
        data = b"\xff\xfe"
    answer = commands.handle(name, data)
    assert not answer["ok"], answer
    json.dumps(answer)
    print(answer["field"], answer["error"])
assert bytes(image.requests) == before
