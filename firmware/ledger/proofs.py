# islet: the records of commissioning proofs: what they hold for, and how old they are.
# GPL-3.0-or-later
#
# A record belongs to what was proved: the device that answered (its version and serial number),
# the options and wiring it was proved with, and this family of the firmware, the latter
# three as one hash (config/wiring.py). When one changes, it is void. Only a finished proof writes
# one (core/limits/proof.py), and one that failed replaces one that passed.

from firmware import image as im
from firmware.ledger.keep import PROOF, WAITS_CORE
from firmware.ledger.ring import topic

_NONE = (0, 0, 0, 0)


class Proofs:
    """keep: holds the records. wiring: hashes by the rows of the converters. `step` once a
    second."""

    def __init__(self, keep, image, wiring):
        self._keep = keep
        self._image = image
        self.wiring = wiring
        self._seq = image.commands[im.PROOF_SEQ]
        for device in wiring:
            self._hold(device)

    def said(self, device):
        """Its record: hash, identity, minute since 2020 + 1 or 0, result; or noughts."""
        return self._keep.said(topic(PROOF, device)) or _NONE

    def _hold(self, device):
        """What its record says is true of this site, or it says nothing."""
        wiring, identity, _, result = self.said(device)
        requests = self._image.requests
        same = result and wiring == self.wiring[device]
        requests[im.PROOF_RECORD + device] = result if same else 0
        requests[im.PROOF_IDENTITY + device] = identity if same else im.UNKNOWN

    def step(self, _dt_ms):
        image = self._image
        commands = image.commands
        if commands[im.PROOF_SEQ] == self._seq:
            return
        self._seq = commands[im.PROOF_SEQ]
        device, result = commands[im.PROOF_OF], commands[im.PROOF_RESULT]
        identity = image.readings[im.DEVICE_IDENTITY + device]
        if result & im.VERDICT_BITS > im.VERDICT_OWN or identity < 0 or device not in self.wiring:
            return
        minute = image.readings[im.WALL_MIN] + 1
        self._keep.put(
            topic(PROOF, device), (self.wiring[device], identity, minute, result), WAITS_CORE
        )
        self._hold(device)
