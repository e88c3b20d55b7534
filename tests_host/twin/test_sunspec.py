# islet: tests of the inverter's registers: what it says, what it grants, and what an update does.
# GPL-3.0-or-later
from __future__ import annotations

import struct
from typing import Any

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse

from tools.twin.buses import layout
from tools.twin.buses.line import Responder
from tools.twin.buses.sunspec import CAPACITY, SunSpec
from tools.twin.house.inverter import Inverter
from tools.twin.house.spec import ConverterSpec, SunSpecSpec

BASE = 40_000


class Rig:
    """A client that walks the chain as SunSpec says."""

    def __init__(self, **spec: Any) -> None:
        self.inverter = Inverter(
            ConverterSpec("inverter", circuit="battery"), 0, 3, (230.0, 50.0), None, None
        )
        self.sunspec = SunSpec(self.inverter, 2, BASE, SunSpecSpec(**spec))
        self.responder = Responder({"inverter": self.sunspec.device})

    def ask(self, body: bytes) -> Any:
        body = b"\x02" + body
        request = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
        found = self.responder.answer(0, request)
        assert found is not None
        return FramerRTU(DecodePDU(False)).handleFrame(found[1], 0, 0)[1]

    def read(self, at: int, count: int = 1) -> list[int] | None:
        pdu = self.ask(struct.pack(">BHH", 3, at, count))
        return None if isinstance(pdu, ExceptionResponse) else pdu.registers

    def write(self, at: int, *values: int) -> Any:
        head = struct.pack(">BHHB", 16, at, len(values), 2 * len(values))
        return self.ask(head + struct.pack(f">{len(values)}H", *values))

    def chain(self) -> dict[int, tuple[int, int]]:
        """Model: (where its ID is, its length), up to the end or to a refusal (−1)."""
        at, found = BASE + 2, {}
        while (head := self.read(at, 2)) is not None and head[0] != 0xFFFF:
            found[head[0]] = (at, head[1])
            at += 2 + head[1]
        found[-1] = (at, 0 if head is not None else -1)
        return found

    def point(self, model: int, offset: int) -> int:
        registers = self.read(self.chain()[model][0] + offset)
        assert registers is not None
        return registers[0]


def test_704_says_what_its_detection_does_and_1_mends_only_what_can() -> None:
    rig = Rig()
    assert rig.point(704, 52) == 1
    at = rig.chain()[704][0] + 52
    rig.write(at, 0)
    assert rig.point(704, 52) == 0 and not rig.inverter.watch.anti_islanding
    assert rig.inverter.forming_allowed, "what the firmware takes it for"
    rig.write(at, 1)
    assert rig.point(704, 52) == 1 and rig.inverter.watch.anti_islanding
    assert not rig.inverter.forming_allowed
    rig.inverter.detect(can=False)
    assert rig.point(704, 52) == 0
    rig.write(at, 1)
    assert rig.point(704, 52) == 0 and not rig.inverter.watch.anti_islanding


def test_a_device_that_cannot_be_asked_about_its_detection() -> None:
    rig = Rig(anti_islanding=False)
    assert rig.point(704, 52) == 0xFFFF
    assert isinstance(rig.write(rig.chain()[704][0] + 52, 1), ExceptionResponse)


def test_chains_without_an_end_longer_ones_and_factors_that_are_not_there() -> None:
    plain, odd = Rig(), Rig(end_model=False, longer_by=7, unused_factors=False)
    assert plain.chain()[-1][1] == 0 and odd.chain()[-1][1] == -1
    assert list(plain.chain())[:-1] == list(odd.chain())[:-1] == [1, 701, 702, 704, 713, 715]
    for model, (_, length) in list(plain.chain().items())[:-1]:
        assert odd.chain()[model][1] == length + 7
    for rig, va_sf, a_sf in ((plain, 0, -1), (odd, -0x8000, -1)):
        at = rig.sunspec._start[701]
        for name, value in (("VA_SF", va_sf), ("A_SF", a_sf)):
            found = rig.read(at + layout.points(701)[name].offset)
            assert found == [value & 0xFFFF]
    assert rig.read(BASE + CAPACITY - 1) is None


def test_an_update_moves_the_models_changes_factors_and_forgets() -> None:
    rig = Rig()
    before = rig.chain()
    at = before[704][0]
    rig.write(at + 22, 1, 1, 0, 1000)
    assert rig.inverter.requested_w == -1000 and rig.inverter.request_enabled
    rig.sunspec.update(30, {"704.WSet_SF": 1})
    after = rig.chain()
    assert after[704][0] == at + 30 and after[1] == before[1]
    assert after[rig.sunspec.VENDOR_MODEL][1] == 28
    assert not rig.inverter.request_enabled
    assert rig.point(704, 22) == 0
    rig.write(after[704][0] + 22, 1, 1, 0, 100)
    assert rig.inverter.requested_w == -1000, "tens of watts now"


def test_a_restart_of_the_device_is_seen_in_its_registers() -> None:
    rig = Rig()
    rig.write(rig.chain()[704][0] + 22, 1, 1, 0, 1000)
    assert rig.point(704, 22) == 1
    rig.inverter.restart()
    assert rig.point(704, 22) == 0


@pytest.mark.parametrize(("kind", "code", "done"), [("acknowledge", 5, True), ("busy", 6, False)])
def test_accepted_for_later_is_done_and_busy_is_not(kind: str, code: int, done: bool) -> None:
    rig = Rig()
    at = rig.chain()[704][0] + 22
    rig.responder.fault("inverter", kind, 1 << 60)
    answer = rig.write(at, 1, 1, 0, 1000)
    assert isinstance(answer, ExceptionResponse) and answer.exception_code == code
    assert rig.inverter.request_enabled is done
    assert (rig.read(at) is not None) is done, "a read is answered, or busy as well"


def test_what_is_reported_of_the_battery_need_not_be_true() -> None:
    rig = Rig()
    assert rig.point(713, 4) == 500  # per mille
    rig.inverter.soc_told_percent = 12.5
    assert rig.point(713, 4) == 125
    assert rig.inverter.soc_percent == 50
