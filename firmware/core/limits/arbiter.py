# islet: limits and wishes as ranges with a source and a reason; the arbiter.
# GPL-3.0-or-later
#
# Every limiting source's range contains zero, so standing still is always allowed; only MARKET,
# the wish, may exclude zero. GRID_CODE and PANEL claim from their own files.

from array import array

from firmware import image as im
from firmware.base.noughts import noughts
from firmware.base.viper import const
from firmware.core.limits import columns, kernel
from firmware.core.limits.growth import Offer, Setpoint
from firmware.core.limits.hardware import Hardware
from firmware.core.limits.leases import Leases
from firmware.core.limits.proof import Proof
from firmware.core.limits.reserve import Reserve

OPEN = const(2_000_000)  # wider than any current in mA or power in W: no limit


class Limits:
    """Collects the claims of all sources in the image and decides SETPOINT.

    What a device needs is made for each row of the site, which is declared by now."""

    def __init__(self, image):
        self._image = image
        self._commands = image.commands
        self._leases = Leases(image)
        # of the converters; what it wishes stands for the owner's goal
        self.proof: Proof | None = None
        self._proving = im.UNKNOWN  # its device
        self._proof_w = 0
        self._offered = bytearray(im.DEVICES)
        site = image.site
        rows = [d for d in range(im.DEVICES) if columns.kind(site, d)]
        offers = [d for d in rows if columns.offered(site, d)]
        stores = [d for d in rows if columns.stores(site, d)]
        self._market = Said(image, rows, im.MARKET_SEQ, im.MARKET_TTL_MS, self._claim_market)
        self._hardware = [Hardware(image, d) for d in rows]
        self._offers = [Offer(image, d) for d in offers]
        self._setpoints = [Setpoint(image, d) for d in rows if d not in offers]
        self._reserves = [Reserve(image, d) for d in stores]
        for device in offers:
            self._offered[device] = 1
        self._relievers = bytes([d for d in stores if site[im.DEVICE_RELIEVES + d]])
        self._relief_w = array("i", [0] * im.DEVICES)
        for device in range(im.DEVICES):
            if device not in rows:
                self.claim(im.HARDWARE, device, 0, 0, im.REASON_TOPOLOGY)
                self.claim(im.MARKET, device, 0, 0, im.REASON_NO_GOAL)
            if device not in stores:
                self.claim(im.RESERVE, device, -OPEN, OPEN, im.REASON_NONE)

    def claim(
        self, source, device, low, high, reason, node=-1, leg=-1, value=0, low_reason=im.UNKNOWN
    ):
        """State a range for a device: mA per leg of what takes an offer, else W.

        `reason` says why `high`, and also why `low` unless `low_reason` does.
        """
        kernel.claim(
            self._commands,
            im.CLAIM_LOW + source * im.DEVICES + device,
            im.SOURCES * im.DEVICES,
            low,
            high,
            reason,
            node,
            leg,
            value,
            low_reason,
            source == im.MARKET,
        )

    def step(self, dt_ms):
        """Claim for HARDWARE, OPERATOR, RESERVE and MARKET, then arbitrate."""
        for hardware in self._hardware:
            hardware.claim(self)
        self._leases.step(dt_ms, self)
        self._relieve()
        if self.proof is not None:
            self._prove(self.proof)
        self._market.step(dt_ms)
        for reserve in self._reserves:
            reserve.claim(dt_ms, self)
        for offer in self._offers:
            offer.claim_pause(dt_ms, self)
        self.arbitrate()
        for setpoint in self._setpoints:
            setpoint.step(dt_ms)
        for offer in self._offers:
            offer.step(dt_ms)

    def arbitrate(self):
        """Intersect all claims in the order of their sources; remember who moved each end."""
        kernel.arbitrate(self._commands, im.CLAIM_LOW, im.SOURCES, im.GRANT_LOW, im.DEVICES)

    def _relieve(self):
        """What an owner lets a device deliver to relieve an overload may be more than his goal."""
        commands = self._commands
        for device in self._relievers:
            if commands[im.RELIEF_W + device] != self._relief_w[device]:
                self._relief_w[device] = commands[im.RELIEF_W + device]
                self._market.renew(device)

    def _prove(self, proof):
        """One device at a time; its goal stands again afterwards."""
        if proof.device == self._proving and proof.wish_w == self._proof_w:
            return
        for device in (self._proving, proof.device):
            if device >= 0:
                self._market.renew(device)
        self._proving = proof.device
        self._proof_w = proof.wish_w

    def _claim_market(self, device, stands):
        """INV-8: a wish expires, and then the device stands still."""
        requests, commands = self._image.requests, self._commands
        if device == self._proving:
            w = self._proof_w
            self.claim(im.MARKET, device, w, w, im.REASON_PROOF, -1, -1, w)
            return
        low = high = 0
        reason = im.REASON_NO_GOAL
        if stands:
            high = requests[im.MARKET_HIGH + device]
            low = 0 if self._offered[device] else requests[im.MARKET_LOW + device]
            reason = im.REASON_GOAL
            if high < low:
                high = low
        relief_w = self._relief_w[device]
        if relief_w and high > -relief_w:
            node, leg = commands[im.RELIEF_NODE + device], commands[im.RELIEF_LEG + device]
            low = low if low < -relief_w else -relief_w
            self.claim(im.MARKET, device, low, -relief_w, im.REASON_RELIEF, node, leg, relief_w)
        else:
            self.claim(im.MARKET, device, low, high, reason, -1, -1, high)


class Said:
    """Each device's request: it stands from when it was last said, by its sequence number, until
    its time is up. `claim(device, stands)` only when that changes: a claim stays where it is."""

    def __init__(self, image, rows, sequence, ttl_ms, claim):
        self._rows = 0  # bits
        for device in rows:
            self._rows |= 1 << device
        self._requests = image.requests
        self._sequence = sequence
        self._ttl_ms = ttl_ms
        self._claim = claim
        self._said = noughts(kernel.SAID * im.DEVICES)
        for device in range(im.DEVICES):
            self._said[kernel.SAID * device + kernel.SAID_MS] = im.AGE_MAX_MS
            self.renew(device)

    def renew(self, device):
        """Claim again in the next step."""
        self._said[kernel.SAID * device + kernel.SAID_STANDS] = im.UNKNOWN

    def step(self, dt_ms):
        said = self._said
        changed = kernel.said(
            said, self._requests, self._rows, self._sequence, self._ttl_ms, dt_ms
        )
        device = 0
        while changed:
            if changed & 1:
                self._claim(device, said[kernel.SAID * device + kernel.SAID_STANDS] == 1)
            changed >>= 1
            device += 1
