# islet: the board in the simulated house: a chip whose pins and converter a twin drives.
# GPL-3.0-or-later
#
# Written against `machine` and `adcstream` as for a chip. Only what a real board has no use for
# (the trace, the log, where the site's files lie on a PC) goes past them.

import os

import adcstream  # pyright: ignore[reportMissingImports]
import hostlink  # pyright: ignore[reportMissingImports]
from machine import mem32

from firmware.chips.plain import Plain

_SCRATCH0 = 0x4005800C  # of the watchdog, as on the RP2040


class Board(Plain):
    http_host = "127.0.0.1"  # who runs a simulated house on a PC does not publish it
    fast_blocks = late_blocks = True  # the twin's time is dear: parts of a block only when asked

    def __init__(self):
        super().__init__("host", True)
        self.storage = os.getenv("ISLET_STORAGE") or "."
        self.http_port = int(os.getenv("ISLET_HTTP_PORT") or 0)
        self.wire()

    def start_sampling(self, on_block, on_part):
        """Call on_block(samples, frames) every 10 ms from the sampling interrupt, and before it
        on_part(samples, index of its first code) for each quarter; the next as soon as it is
        there while that returns True."""
        channels = list(range(self.analog.count))
        frames = self.circuit.frames
        adcstream.start(channels, self.sample_rate_hz, frames, on_block, on_part)

    def seal(self, bits):
        """16 bits that a reset leaves alone and a power cut clears."""
        mem32[_SCRATCH0] = bits | (bits ^ 0xFFFF) << 16

    def sealed(self):
        """What seal() left, -1 when nothing is there."""
        word = mem32[_SCRATCH0]
        return word & 0xFFFF if (word ^ word >> 16) & 0xFFFF == 0xFFFF else -1

    # --- what a PC has besides ---------------------------------------------------------------

    def read_config(self):
        """The site's configuration as text, "" when there is none."""
        path = os.getenv("ISLET_SITE")
        if not path:
            return ""
        with open(path) as file:
            return file.read()

    def record(self, image, dt_ms=100):
        """Hand the image of the step just taken to the recorder; nothing on a real board."""
        hostlink.record(image, dt_ms)

    def log(self, text):
        hostlink.log(text)
