# islet test: some sessions into a file; prints them and the CRC that ends the chain.
# GPL-3.0-or-later
from firmware import image as im
from firmware.ledger import Ledger
from tests_host.fields import columns

EVSE = 0
image = im.Image()
image.site[im.DEVICE_NODE + EVSE] = 1
columns(image.site)
image.commands[im.ISLAND_STATE] = im.ISLAND_GRID
image.readings[im.NODE_AGE_MS + 1] = 100
image.readings[im.WALL_MIN] = 3000000
ledger = Ledger("FOLDER", image)
for number in range(70):
    image.commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_CLOSED
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_C
    image.readings[im.NODE_W + im.LEGS] = 11000 + number
    for _ in range(30 + number):
        ledger.step(1000)
    image.commands[im.POINT_CONTACTOR_STATE] = im.CONTACTOR_OPEN
    image.commands[im.POINT_PILOT_STATE] = im.PILOT_A
    ledger.step(1000)
print([(s["session"], s["drawn_wh"]) for s in ledger.closed()])
print(max(ledger.sessions.latest())[5])
