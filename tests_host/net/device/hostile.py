# islet test: the table of hostile payloads on the device; prints the field each is refused by.
# GPL-3.0-or-later
import json

from firmware.people.commands import Commands
from tests_host.net.small_site import make_site, names_of, whose


class Policy:
    def goals(self):
        return ["hold", "charge", "solar", "self", "discharge"]

    def set_goal(self, name):
        raise AssertionError(name)

    def set_wish(self, device, value, ttl_ms):
        raise AssertionError(value)


image = make_site()
commands = Commands(image, Policy(), names_of(image))
before = bytes(image.requests)
with open("tests_host/net/hostile.json") as file:
    rows = json.load(file)
for name, payload, _ in rows:
    data = payload.encode()
    if data[:1] == b"\xed":  # stands for bytes that are no UTF-8
        data = b"\xff\xfe"
    answer = commands.handle(name, data, whose(name))
    assert not answer["ok"], answer
    json.dumps(answer)
    print(answer["field"], answer["error"])
assert bytes(image.requests) == before
