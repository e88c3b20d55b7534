# islet: bytes that arrive one by one, each in its own time on the virtual clock.
# GPL-3.0-or-later
import time

BAUD = 19_200
CHAR_US = 10_000_000 // BAUD


class Arriving:
    """The reading half of a UART: `size` bytes of `buffer`, the first of them at `first_us`."""

    def __init__(self, most):
        self.buffer = bytearray(most)
        self.first_us = 0
        self.size = 0
        self.taken = 0

    def any(self):
        arrived = time.ticks_diff(time.ticks_us(), self.first_us) // CHAR_US
        return max(0, min(arrived, self.size) - self.taken)

    def readinto(self, buffer):
        count = min(self.any(), len(buffer))
        for i in range(count):
            buffer[i] = self.buffer[self.taken + i]
        self.taken += count
        return count
