# islet: how long the flash stops the interrupts, and who may erase it.
# GPL-3.0-or-later

import time

from firmware.chips.rp2_flash import RecordFlash

energised = False
flash = RecordFlash(lambda: not energised)
print("running")
record = bytes(range(64))
start = time.ticks_us()
flash.erase(0)
print("erase", time.ticks_diff(time.ticks_us(), start))
worst = 0
for slot in range(64):
    start = time.ticks_us()
    flash.program(64 * slot, record)
    worst = max(worst, time.ticks_diff(time.ticks_us(), start))
print("program", worst)
whole = all(flash.read(64 * slot, 64) == record for slot in range(64))
energised = True
try:
    flash.erase(0)
    kept = False
except RuntimeError:
    kept = flash.refused == 1 and flash.read(0, 64) == record
print("whole", whole, "refused", kept)
print("done")
