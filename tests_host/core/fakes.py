# islet: stand-ins for the parts of core that a test does not want.
# GPL-3.0-or-later
from __future__ import annotations

from firmware import image as im


class FakeLimits:
    """Writes a claim into the image as it is, and checks that it contains zero."""

    def __init__(self, image: im.Image) -> None:
        self.commands = image.commands

    def claim(
        self,
        source: int,
        device: int,
        low: int,
        high: int,
        reason: int,
        node: int = -1,
        leg: int = -1,
        value: int = 0,
        low_reason: int = -1,
    ) -> None:
        assert low <= 0 <= high, (source, device, low, high)
        slot = source * im.DEVICES + device
        self.commands[im.CLAIM_LOW + slot] = low
        self.commands[im.CLAIM_HIGH + slot] = high
        self.commands[im.CLAIM_REASON + slot] = reason
        self.commands[im.CLAIM_LOW_REASON + slot] = reason if low_reason < 0 else low_reason
        self.commands[im.CLAIM_NODE + slot] = node
        self.commands[im.CLAIM_LEG + slot] = leg
        self.commands[im.CLAIM_VALUE + slot] = value
