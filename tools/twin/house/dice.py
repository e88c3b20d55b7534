# islet: random numbers whose whole state is one integer, so that it can be rolled back cheaply.
# GPL-3.0-or-later
"""SplitMix64 (Steele, Lea, Flood 2014): `random.Random` would drag 625 words into a snapshot."""

from __future__ import annotations

import math
import zlib

_MASK = (1 << 64) - 1


class Dice:
    def __init__(self, seed: int, stream: str) -> None:
        self.state = (seed * 0x9E3779B97F4A7C15 + zlib.crc32(stream.encode())) & _MASK

    def uniform(self) -> float:
        """In [0, 1)."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.uniform()

    def normal(self) -> float:
        """Mean 0, standard deviation 1 (Box and Muller)."""
        return math.sqrt(-2 * math.log(1 - self.uniform())) * math.cos(math.tau * self.uniform())
