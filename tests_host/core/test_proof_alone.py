"""The commissioning proof by itself: edges and counts, with a device that does what it is told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from firmware import image as f
from firmware.core.limits.proof import Proof
from tests_host.core.builders import healthy
from tests_host.fields import INVERTER

STEP_MS = 100
STEP_W, TOLERANCE_W = 500, 150  # that it is asked for, and what may lack
RESPONSE_MS = 2_000
LAG_MS = 2_000  # of an instrument and a setpoint's way
BLIND_MS = 5_000


class Eye:
    """An instrument that tells the truth of this step."""

    def __init__(self) -> None:
        self.w = 0
        self.sees = True

    def independent(self) -> bool:
        return self.sees

    def measured(self) -> bool:
        return True

    def independent_w(self) -> int:
        return self.w

    def independent_age_ms(self) -> int:
        return 0


class Alone:
    """`share` of what it is told, `late_ms` after it."""

    def __init__(self, share: float = 1.0, late_ms: int = 0, **site: int) -> None:
        self.image = image = healthy(INVERTER_RESPONSE_MS=RESPONSE_MS, **site)
        self.image.commands[f.ISLAND_STATE] = f.ISLAND_GRID
        self.eye = Eye()
        rows = [SimpleNamespace(device=INVERTER, seen=self.eye)]
        self.proof = Proof(image, SimpleNamespace(rows=rows))
        self.share, self.late_ms = share, late_ms
        self.told: list[int] = []
        self.ws = 0.0  # while it is to act, truth
        self.silent_ms = 0

    def begin(self) -> None:
        self.image.requests[f.PROVE_DEVICE] = INVERTER
        self.image.requests[f.PROVE_SEQ] += 1

    def run(self, ms: int) -> None:
        commands = self.image.commands
        for _ in range(ms // STEP_MS):
            silent = self.state == f.PROOF_SILENT
            self.silent_ms = self.silent_ms + STEP_MS if silent else 0
            commands[f.SETPOINT + INVERTER] = self.proof.wish_w
            self.told.append(0 if self.silent_ms > 5_000 else self.proof.wish_w)
            back = 1 + self.late_ms // STEP_MS
            told = self.told[-back] if len(self.told) >= back else 0
            self.eye.w = round(self.share * told)
            self.proof.step(STEP_MS)
            if self.state not in (f.PROOF_REST, f.PROOF_STILL):
                self.ws += abs(self.eye.w) * STEP_MS / 1000

    @property
    def state(self) -> int:
        return self.image.commands[f.PROOF_STATE]

    def verdict(self, most_s: int = 300) -> int:
        for _ in range(most_s * 1000 // STEP_MS):
            self.run(STEP_MS)
            if self.state == f.PROOF_REST and self.told:
                return self.image.commands[f.PROOF_RESULT] & f.VERDICT_BITS
        raise AssertionError("it never ends")


def test_what_it_moved_is_counted_to_the_watt_second() -> None:
    alone = Alone()
    alone.begin()
    assert alone.verdict() == f.VERDICT_OBEYS
    assert alone.ws > 4_000
    assert abs(alone.image.commands[f.PROOF_WS] - alone.ws) <= STEP_W * 2 * STEP_MS / 1000


def test_each_proof_counts_its_own_time_and_energy() -> None:
    alone = Alone()
    alone.begin()
    alone.verdict()
    commands = alone.image.commands
    assert commands[f.PROOF_MS] > 10_000 and commands[f.PROOF_WS] > 1_000
    alone.run(3_000)
    alone.begin()
    alone.run(STEP_MS)
    assert commands[f.PROOF_MS] == STEP_MS and commands[f.PROOF_WS] == 0


@pytest.mark.parametrize(
    ("lacks_w", "verdict"),
    [(TOLERANCE_W, f.VERDICT_OBEYS), (TOLERANCE_W + 1, f.VERDICT_SIZE)],
)
@pytest.mark.parametrize("way", [-1, 1])
def test_the_tolerance_is_within_to_its_last_watt(lacks_w: int, verdict: int, way: int) -> None:
    alone = Alone(1 + way * lacks_w / STEP_W)
    alone.begin()
    assert alone.verdict() == verdict


@pytest.mark.parametrize(
    ("late_ms", "verdict"),
    [
        (RESPONSE_MS + LAG_MS, f.VERDICT_OBEYS),
        (RESPONSE_MS + LAG_MS + STEP_MS, f.VERDICT_LATE),
    ],
)
def test_the_response_may_take_what_is_declared_and_the_lag(late_ms: int, verdict: int) -> None:
    alone = Alone(late_ms=late_ms)
    alone.begin()
    assert alone.verdict() == verdict


def test_blind_by_turns_is_not_blind_for_long() -> None:
    alone = Alone()
    alone.begin()
    for _ in range(4):
        alone.eye.sees = False
        alone.run(BLIND_MS - 1_000)
        alone.eye.sees = True
        alone.run(STEP_MS)
    assert alone.state != f.PROOF_REST
    alone.eye.sees = False
    alone.run(BLIND_MS)
    assert alone.state != f.PROOF_REST
    alone.run(STEP_MS)
    assert alone.state == f.PROOF_REST
    assert alone.image.commands[f.PROOF_RESULT] & f.VERDICT_BITS == f.VERDICT_BLIND
