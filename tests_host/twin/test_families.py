# islet: tests of the simulated families: what they do, and that they catch a wrong command.
# GPL-3.0-or-later
"""A planted mistake each: an order, a function, a value, a period. Registers are written here by
hand, as a driver would, by pymodbus' own client side."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse

from tests_host.twin import referee_kit
from tools.twin.buses import families
from tools.twin.buses.families.device import FamilyDevice
from tools.twin.buses.line import Responder
from tools.twin.house import House, HouseSpec, controls, from_dict
from tools.twin.referee.case import Device
from tools.twin.referee.contract import Contract
from tools.twin.referee.rule import Moment

PROFILES = Path(__file__).resolve().parents[2] / "firmware" / "profiles"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
S = 1_000_000
NAME = "battery"


class Rig:
    """A house with one device of a family, a client of it, and time that passes by itself."""

    def __init__(self, family: str, **own: Any) -> None:
        row = {
            "name": NAME, "circuit": "service", "family": family, "enable": None,
            "response_s": 0, "charge_w": 8000, "discharge_w": 8000, "ramp_w_per_s": 20_000, **own,
        }  # fmt: skip
        data = {
            "circuits": [{"name": "service", "breaker_a": 63}],
            "loads": {"annual_kwh": 0},
            "converters": [row],
        }
        self.house = House(from_dict(HouseSpec, data), STARTED, 0)
        self.inverter = self.house.converters[0]
        self.table = families.table(family)
        self.shell = FamilyDevice(self.inverter, self.table, 2)
        self.shell.clock = lambda: self.house.now_us
        self.responder = Responder({NAME: self.shell.device})
        self.responder.asleep[NAME] = self.shell.asleep
        self.wait(1)

    def wait(self, seconds: float) -> None:
        self.house.advance(self.house.now_us + round(seconds * S))
        self.house.segments.clear()
        self.house.edges.clear()

    def put(self, what: str, to: Any) -> None:
        """As a scenario's event."""
        controls.apply(self.house, f"{NAME}.{what}", to)
        self.inverter.touched = True

    def ask(self, body: bytes) -> Any:
        body = b"\x02" + body
        request = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
        found = self.responder.answer(self.house.now_us, request)
        return found and FramerRTU(DecodePDU(False)).handleFrame(found[1], 0, 0)[1]

    def read(self, at: int, count: int = 1, function: int = 3) -> list[int] | None:
        pdu = self.ask(struct.pack(">BHH", function, at, count))
        return None if isinstance(pdu, ExceptionResponse) else pdu.registers

    def single(self, at: int, value: int) -> bool:
        """Function 6; whether it was taken."""
        pdu = self.ask(struct.pack(">BHH", 6, at, value & 0xFFFF))
        return not isinstance(pdu, ExceptionResponse)

    def several(self, at: int, *values: int) -> bool:
        head = struct.pack(">BHHB", 16, at, len(values), 2 * len(values))
        words = [value & 0xFFFF for value in values]
        pdu = self.ask(head + struct.pack(f">{len(words)}H", *words))
        return not isinstance(pdu, ExceptionResponse)

    def did(self) -> float:
        """W, a second later."""
        self.wait(1)
        return round(self.inverter.w)

    @property
    def breach(self) -> str:
        """The last one, once."""
        ways = self.inverter.ways
        found, ways.breach = ways.breach, ""
        return found


def solax(rig: Rig, w: int, seconds: int = 10, mode: int = 1) -> bool:
    return rig.several(124, mode, 1, w, w >> 16, 0, 0, seconds, 0, 0, 0, 0, 0, 0)


def quasar(rig: Rig, w: int) -> None:
    for at, value in ((81, 1), (82, 0), (83, 1), (88, 10), (260, w), (257, 1)):
        assert rig.single(at, value), at


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", families.NAMES)
def test_what_a_profile_reads_and_writes_is_there(name: str) -> None:
    """By number, type and function, from two readings of the maker or of those who know."""
    table, document = families.table(name), json.loads((PROFILES / f"{name}.json").read_text())
    assert table.sources and table.one_source and table.memory
    kinds = {"u16": "UINT16", "i16": "INT16", "u32": "UINT32", "i32": "INT32", "f32": "FLOAT32"}
    shown = {(value.at, value.function): value.kind for value in table.shows}
    for row in document["rows"]:
        kind, said = shown.get((row["register"], row["function"])), kinds[row["type"]]
        assert kind in (said, said.removeprefix("U")), row  # of what is never negative
    for row in document["writes"]:
        taken = table.takes[row["register"]]
        assert taken.kind == kinds[row["type"]], row
        rules = table.contract
        assert row["function"] in rules.function_of.get(taken.at, rules.functions), row
    assert {"fault", "off"} <= set(table.states)


# --- a SolaX ------------------------------------------------------------------------------------


def test_a_solax_obeys_and_goes_back_to_its_own_mode() -> None:
    rig = Rig("solax_g4")
    rig.inverter.obeys.own_w = -700
    assert solax(rig, 2000) and rig.did() == 2000
    assert rig.read(2, function=4) == [0x10000 - 2000] and rig.read(22, function=4) == [2000]
    assert solax(rig, -1500) and rig.did() == -1500
    rig.wait(9)
    assert rig.did() == -700, "ten seconds after the last word"
    assert solax(rig, 2000, mode=0) and rig.did() == -700, "watts without their mode"
    assert solax(rig, 1000) and rig.did() == 1000
    assert rig.several(124, 0) and rig.did() == -700, "released"
    assert not rig.breach


def test_what_a_solax_may_not_be_told() -> None:
    rig = Rig("solax_g4")
    assert not rig.single(124, 1) and rig.breach == "register 124 written by function 6"
    assert not rig.several(126, 500, 0) and rig.breach == "2 registers from 126 written at once"
    assert solax(rig, 500, seconds=2) and rig.breach == "2 written to 130"
    assert rig.several(124, 3) and rig.breach == "3 written to 124"
    rig = Rig("solax_g4")
    assert solax(rig, 500)
    rig.wait(0.4)
    assert solax(rig, 900) and rig.breach == "900 W 0.40 s after 500 W"
    rig.wait(0.1)
    assert solax(rig, 200) and not rig.breach, "less is taken at once"
    rig.wait(1)
    assert solax(rig, 900) and not rig.breach


def test_registers_that_are_not_there_are_refused() -> None:
    rig = Rig("solax_g4")
    assert rig.read(109, function=4) is None and rig.read(106, 4, function=4) is None
    assert rig.read(22) is None, "by the other function"
    assert rig.read(124) is None, "it does not read back"


# --- a Quasar -----------------------------------------------------------------------------------


def test_a_quasar_obeys_in_its_order_and_stops_when_unheard() -> None:
    rig = Rig("wallbox_quasar")
    quasar(rig, 3000)
    assert rig.did() == 3000 and rig.read(537) == [1] and rig.read(526) == [3000]
    rig.wait(1)
    assert rig.single(260, 0) and rig.single(260, -2000) and rig.did() == -2000
    assert rig.read(537) == [11] and not rig.breach
    rig.wait(9)
    assert rig.did() == 0, "ten seconds after the last word"
    assert rig.single(260, -1000) and rig.did() == -1000
    assert rig.single(257, 2) and rig.did() == 0, "stopped"
    assert rig.single(81, 0) and not rig.single(260, 1000), "without remote control"


def test_what_a_quasar_may_not_be_told() -> None:
    rig = Rig("wallbox_quasar")
    assert not rig.single(260, 3000) and rig.breach == "260 written before 81"
    rig = Rig("wallbox_quasar")
    assert rig.single(257, 1) and rig.breach == "257 written before 260"
    for at, value in ((81, 1), (82, 0), (83, 1)):
        assert rig.single(at, value)
    assert rig.single(260, 1000) and rig.breach == "260 written before 88"
    assert not rig.several(88, 10) and rig.breach == "register 88 written by function 16"
    assert rig.single(88, 3600) and rig.breach == "3600 written to 88"
    rig.single(88, 10)
    rig.wait(3)
    assert rig.single(260, 8000) and rig.breach == "8000 written to 260"
    rig = Rig("wallbox_quasar")
    quasar(rig, 3000)
    assert rig.single(260, -3000) and rig.breach == "-3000 W after 3000 W without zero"
    rig.wait(1)
    assert rig.single(260, -4000) and rig.breach == "-4000 W 1.00 s after -3000 W"


# --- ways of all --------------------------------------------------------------------------------


def test_ways_that_a_scenario_can_have() -> None:
    rig = Rig("wallbox_quasar")
    ways = rig.inverter.ways
    ways.cuts_w = 1000
    quasar(rig, 3000)
    assert rig.did() == 1000 and rig.read(260) == [3000], "and says nothing"
    ways.cuts_w, ways.refuses = None, True
    assert not rig.single(260, 500)
    ways.refuses = False
    rig.inverter.obeys.sign = -1
    assert rig.single(260, 500) and rig.did() == -500
    rig.inverter.obeys.sign = 1
    rig.put("asleep", True)
    assert rig.did() == 0 and rig.ask(struct.pack(">BHH", 3, 526, 1)) is None
    rig.put("asleep", False)
    rig.wait(10)
    assert rig.read(526) == [0], "unheard for so long"
    ways.wears_after = ways.worn
    assert rig.single(260, 700) and rig.read(260) == [500], "worn out"


def test_writes_are_counted() -> None:
    rig = Rig("wallbox_quasar")
    quasar(rig, 1000)
    for _ in range(5):
        rig.single(260, 1000)
    ways = rig.inverter.ways
    assert (ways.writes, ways.worn) == (11, 6)


def test_another_writer_is_obeyed_until_it_is_told_anew() -> None:
    rig = Rig("solax_g4")
    assert solax(rig, -1000) and rig.did() == -1000
    rig.shell.app(2500)
    assert rig.did() == 2500
    assert solax(rig, -1000) and rig.did() == -1000 and not rig.breach


def test_a_restart_forgets_what_it_was_told() -> None:
    rig = Rig("wallbox_quasar")
    quasar(rig, 1000)
    rig.inverter.restart()
    assert rig.read(81) == [0] and not rig.single(260, 1000)


# --- and who is told ----------------------------------------------------------------------------


def test_the_referee_tells_a_breach_once() -> None:
    rig = Rig("wallbox_quasar")
    truths = [rig.house.truth()]
    assert not rig.single(260, 3000)
    truths += [rig.house.truth(), rig.house.truth()]
    case = referee_kit.case(devices=(Device(NAME, "converter", 0),))
    rule, told = Contract(case), []
    for before, now in pairwise(truths):
        told += [w.text for w in rule.look(Moment(0, now, before, 0.1, None, (), ()))]
    assert told == ["battery: 260 written before 81"]
