"""The commissioning proof: what it finds of devices that obey and of those that do not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from firmware import image as f
from tests_host.core.builders import put
from tests_host.core.disobedience import ABOVE, CONTACTOR, OWN, STEP_MS, Plant
from tests_host.fields import INVERTER

IDENTITY = 12_345
PROVED = f.DEVICE_PROVED + INVERTER


@dataclass
class Kind:
    """How a device takes what it is told, and when it returns once nobody speaks to it."""

    sign: int = 1
    gain: float = 1.0
    late_ms: int = 0  # beyond what it declares
    return_s: float | None = 5.0
    ignores: bool = False
    own_w: float | None = None  # of a mode of its own


class Site(Plant):
    """A plant whose device has shown nothing yet, and notices that nobody speaks to it."""

    def __init__(
        self, kind: Kind, witness: str = ABOVE, age_ms: int = 300, **site: int | tuple[int, ...]
    ):
        super().__init__(witness, age_ms, **site)
        self.kind = kind
        self.quiet_ms = 0
        self.most_w = 0.0
        self.wh = 0.0
        self.loads: dict[int, float] = {}  # what the house draws from a moment on, ms: W
        self.image.requests[f.PROOF_RECORD + INVERTER] = 0
        self.image.live[f.DEVICE_IDENTITY + INVERTER] = IDENTITY
        self.response_ms += kind.late_ms
        self.habit = self._does

    def _does(self, told: int) -> float:
        kind = self.kind
        if kind.own_w is not None:
            return kind.own_w
        if kind.return_s is not None and self.quiet_ms > kind.return_s * 1000:
            return 0.0
        return 0.0 if kind.ignores else kind.sign * kind.gain * told

    def _physics(self) -> None:
        self.house_w = self.loads.get(self.now_ms, self.house_w)
        commands = self.image.commands
        silent = commands[f.PROOF_STATE] == f.PROOF_SILENT
        self.quiet_ms = self.quiet_ms + STEP_MS if silent else 0
        super()._physics()
        self.wh += abs(self.w) * STEP_MS / 3.6e6
        self.most_w = max(self.most_w, abs(self.w))

    def prove(self, most_s: int = 400) -> int:
        """The verdict, and how long it took in `now_ms`."""
        requests, commands = self.image.requests, self.image.commands
        seq = commands[f.PROOF_SEQ]
        requests[f.PROVE_DEVICE] = INVERTER
        requests[f.PROVE_SEQ] += 1
        begun_ms = self.now_ms
        while commands[f.PROOF_SEQ] == seq:
            self.run(STEP_MS)
            assert self.now_ms - begun_ms < most_s * 1000, "it never ends"
        assert commands[f.PROOF_STATE] == f.PROOF_REST
        return commands[f.PROOF_RESULT] & f.VERDICT_BITS

    @property
    def return_s(self) -> int:
        return self.image.commands[f.PROOF_RESULT] >> f.PROOF_RETURN_SHIFT

    def keep(self) -> None:
        """The ledger's part: the result becomes the record."""
        requests, commands = self.image.requests, self.image.commands
        requests[f.PROOF_RECORD + INVERTER] = commands[f.PROOF_RESULT]
        requests[f.PROOF_IDENTITY + INVERTER] = IDENTITY


def ready(
    kind: Kind, witness: str = ABOVE, age_ms: int = 300, **site: int | tuple[int, ...]
) -> Site:
    made = Site(kind, witness, age_ms, **site)
    made.run(6_000)
    return made


KINDS = {
    "obeys": (Kind(), f.VERDICT_OBEYS, 5),
    "wrong sign": (Kind(sign=-1), f.VERDICT_SIGN, None),
    "half": (Kind(gain=0.5), f.VERDICT_SIZE, None),
    "double": (Kind(gain=2.0), f.VERDICT_SIZE, None),
    "late": (Kind(late_ms=5_000), f.VERDICT_LATE, None),
    "no return": (Kind(return_s=None), f.VERDICT_OBEYS, f.PROOF_NEVER),
    "returns after 10 s": (Kind(return_s=10), f.VERDICT_OBEYS, 10),
    "returns after 80 s": (Kind(return_s=80), f.VERDICT_OBEYS, 80),
    "ignores": (Kind(ignores=True), f.VERDICT_IGNORES, None),
    "own mode": (Kind(own_w=1_500.0), f.VERDICT_OWN, None),
}


@pytest.mark.parametrize(
    ("name", "witness"),
    [(name, ABOVE) for name in KINDS]
    + [(name, witness) for name in ("obeys", "wrong sign") for witness in (OWN, CONTACTOR)],
)
def test_the_verdict_on_each_kind_of_device(name: str, witness: str) -> None:
    kind, verdict, return_s = KINDS[name]
    site = ready(kind, witness)
    found = site.prove()
    allowed = {verdict}
    if name == "double":
        allowed.add(f.VERDICT_OWN)  # it leaves what it was granted
    assert found in allowed, f.VERDICT_NAMES[found]
    if return_s is not None:
        assert return_s == site.return_s or return_s < site.return_s <= return_s + 2
    assert site.most_w <= (1_500 if "own" in name else 1_000)
    site.run(8_000)
    assert site.w == 0 or not site.enabled or name == "own mode"


@pytest.mark.parametrize("witness", [OWN, ABOVE])
@pytest.mark.parametrize("age_ms", [300, 1_800])
@pytest.mark.parametrize("response_ms", [300, 8_000])
def test_one_that_obeys_passes_by_any_witness(witness: str, age_ms: int, response_ms: int) -> None:
    site = ready(Kind(), witness, age_ms, INVERTER_RESPONSE_MS=response_ms)
    assert site.prove() == f.VERDICT_OBEYS
    took = site.image.commands[f.PROOF_RESULT] >> f.PROOF_RESPONSE_SHIFT & 255
    assert response_ms - 200 <= took * 100 <= response_ms + 2_000


# --- nothing before it --------------------------------------------------------------------------


def test_nothing_is_asked_of_a_device_before_it_has_shown_that_it_obeys() -> None:
    site = ready(Kind())
    site.ask(2_000)
    site.run(60_000)
    commands = site.image.commands
    assert site.most_w == 0
    assert commands[f.CLAIM_REASON + f.HARDWARE * f.DEVICES + INVERTER] == f.REASON_COMMISSION
    assert site.prove() == f.VERDICT_OBEYS
    site.run(60_000)
    assert site.w == 0, "the result is no record yet"
    site.keep()
    site.run(60_000)
    assert site.w == 2_000
    site.image.live[f.DEVICE_IDENTITY + INVERTER] = IDENTITY + 1  # another one in its place
    site.run(10_000)
    assert site.w == 0


@pytest.mark.parametrize("verdict", range(len(f.VERDICT_NAMES)))
def test_only_a_record_that_says_it_obeys_lets_it(verdict: int) -> None:
    site = ready(Kind())
    site.image.requests[f.PROOF_RECORD + INVERTER] = verdict | 1 << f.PROOF_RETURN_SHIFT
    site.image.requests[f.PROOF_IDENTITY + INVERTER] = IDENTITY
    site.ask(2_000)
    site.run(60_000)
    assert (site.most_w > 0) == (verdict == f.VERDICT_OBEYS)


@pytest.mark.parametrize("return_s", [10, 11, f.PROOF_NEVER])
@pytest.mark.parametrize("wired", [0, 1])
def test_without_a_return_discharge_needs_the_hard_wired_enable(return_s: int, wired: int) -> None:
    site = ready(Kind(), ENABLE_WIRED=wired)
    requests = site.image.requests
    requests[f.PROOF_RECORD + INVERTER] = f.VERDICT_OBEYS | return_s << f.PROOF_RETURN_SHIFT
    requests[f.PROOF_IDENTITY + INVERTER] = IDENTITY
    site.ask(-2_000)
    site.run(60_000)
    assert (site.w == -2_000) == (return_s <= 10 or wired == 1)
    site.ask(2_000)
    site.run(60_000)
    assert site.w == 2_000


# --- inside all grants, in a house that moves ----------------------------------------------------


def test_it_is_not_asked_for_more_than_its_grants() -> None:
    site = ready(Kind(), NODE_RATING_MA=(1_200, 40_000, 32_000))  # 276 W a leg, 200 of the house
    assert site.prove() == f.VERDICT_REFUSED
    assert site.most_w < 500


def test_the_reserve_is_not_undercut_for_it() -> None:
    site = ready(Kind())
    put(site.image.live, SOC_PERMILLE=290)
    assert site.prove() == f.VERDICT_REFUSED
    assert min(w for w, _ in site.past) >= 0


def test_silence_ends_when_its_grant_does() -> None:
    site = ready(Kind(return_s=None))
    requests, commands = site.image.requests, site.image.commands
    requests[f.PROVE_DEVICE] = INVERTER
    requests[f.PROVE_SEQ] += 1
    while commands[f.PROOF_STATE] != f.PROOF_SILENT:
        site.run(STEP_MS)
    site.run(20_000)
    put(site.image.live, SOC_PERMILLE=290)  # at the reserve
    site.run(200)
    assert commands[f.PROOF_STATE] == f.PROOF_REST
    assert commands[f.PROOF_RESULT] & f.VERDICT_BITS == f.VERDICT_REFUSED


def test_a_person_stops_it() -> None:
    site = ready(Kind())
    requests, commands = site.image.requests, site.image.commands
    requests[f.PROVE_DEVICE] = INVERTER
    requests[f.PROVE_SEQ] += 1
    while commands[f.PROOF_STATE] != f.PROOF_DRAW or not site.w:
        site.run(STEP_MS)
    requests[f.PROVE_DEVICE] = -1
    requests[f.PROVE_SEQ] += 1
    site.run(3_000)
    assert commands[f.PROOF_RESULT] & f.VERDICT_BITS == f.VERDICT_STOPPED
    assert site.w == 0


@pytest.mark.parametrize("begin_s", range(9, 44, 7))
def test_a_kettle_in_the_middle_spoils_no_proof(begin_s: int) -> None:
    site = ready(Kind())
    site.loads = {begin_s * 1000: 2_600.0, (begin_s + 25) * 1000: 600.0}
    assert site.prove() == f.VERDICT_OBEYS
    assert site.return_s <= 10


@pytest.mark.parametrize("name", ["wrong sign", "half", "ignores"])
@pytest.mark.parametrize("begin_s", range(12, 44, 15))
def test_a_kettle_in_the_middle_lets_none_pass(begin_s: int, name: str) -> None:
    kind, _, _ = KINDS[name]
    site = ready(kind)
    site.loads = {begin_s * 1000: 1_100.0, (begin_s + 9) * 1000: 600.0}
    assert site.prove() not in (f.VERDICT_OBEYS, f.VERDICT_STOPPED)


def test_a_house_that_never_stands_still_is_named_so() -> None:
    site = ready(Kind())
    site.loads = {ms: 600.0 + ms // 2_000 % 2 * 900 for ms in range(0, 400_000, 2_000)}
    assert site.prove() == f.VERDICT_RESTLESS


def test_without_an_instrument_there_is_no_proof() -> None:
    site = ready(Kind())
    site.meter_silent = True
    site.run(6_000)
    assert site.prove() in (f.VERDICT_BLIND, f.VERDICT_REFUSED)
    assert site.most_w == 0
