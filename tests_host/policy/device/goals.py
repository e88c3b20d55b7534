# islet test: an hour of goals; prints every wish, to be the same in both runtimes.
# GPL-3.0-or-later
from firmware import image as im
from firmware.policy import GOALS, Policy
from tests_host.fields import columns

EVSE, INVERTER = 0, 1
image = im.Image()
site = image.site
site[im.DEVICE_NODE + EVSE] = 1
site[im.DEVICE_NODE + INVERTER] = 2
site[im.NODE_RATING_MA] = 25000
site[im.DEVICE_MAX_MA + EVSE] = 16000
site[im.DEVICE_CHARGE_W + INVERTER] = site[im.DEVICE_DISCHARGE_W + INVERTER] = 5000
columns(site)
image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
readings = image.readings
policy = Policy(
    image,
    {
        "owner.goal": "solar",
        "owner.charge_a": 13.5,
        "owner.charge_w": 2000,
        "owner.discharge_w": 900,
        "owner.sun_start_s": 60,
        "owner.sun_stop_s": 180,
        "owner.sun_start_w": 0,
        "owner.sun_stop_w": 0,
    },
)
said = []
for second in range(3600):
    readings[im.NODE_AGE_MS] = second % 700 * 10
    readings[im.DEVICE_AGE_MS + INVERTER] = 100
    readings[im.DEVICE_AGE_MS + EVSE] = 100
    readings[im.DEVICE_SOC_AGE_MS + INVERTER] = 100
    readings[im.DEVICE_SOC_PERMILLE + INVERTER] = 1000 - second // 4
    readings[im.NODE_W] = (second * 37) % 9000 - 6000
    readings[im.NODE_MA] = readings[im.NODE_W] * 4
    readings[im.DEVICE_MA + EVSE * im.LEGS] = second % 16000
    if second % 900 == 899:
        policy.set_goal(GOALS[second // 900][0])
    policy.step(1000)
    if second % 60 == 0:
        said.append(image.requests[im.MARKET_LOW + INVERTER])
        said.append(image.requests[im.MARKET_HIGH + EVSE])
print(*said)
