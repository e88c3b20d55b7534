# islet: tests of a chip with converters of its own: waves on the link, its pins, its flash.
# GPL-3.0-or-later
from __future__ import annotations

import base64
import cmath
import dataclasses
import itertools
import json
import math
import random
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests_host.twin import stubs
from tests_host.twin.link_kit import CLOSE, OPEN, SYNTHESIS
from tests_host.twin.stubs import StubDevice, StubHouse, StubStretch
from tools.twin import chips
from tools.twin.house import House, HouseSpec, from_dict
from tools.twin.link import port, wire
from tools.twin.link.process import ROOT
from tools.twin.link.session import LinkError, Session
from tools.twin.link.signals import CODE_PER_A_EVSE, CODE_PER_V, Instruments, Synthesis
from tools.twin.link.wave import Wave, wave_of

TURN = tuple(stubs.TURN)
PROBE = ROOT / "tests_host" / "rp2040" / "house_probe.mjs"
number = st.floats(allow_nan=False)
legs = st.tuples(*[st.complex_numbers(allow_nan=False)] * 3)
times = st.integers(0, 2**32 * 1000 - 1)
WAVE = st.builds(
    Wave, times, times, number, number, number, number, legs, legs, legs, legs,
    number, number, number,
)  # fmt: skip


def node(given: dict[str, Any]) -> dict[str, Any]:
    program = shutil.which("node")
    assert program, "no node: `make test` installs it"
    text = json.dumps(given)
    done = subprocess.run(
        [program, str(PROBE)], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- the wire, on both sides ------------------------------------------------------------------


@given(st.lists(WAVE, max_size=3))
def test_waves_survive_the_wire(waves):
    answer = wire.Answer(5, tuple(waves))
    assert wire.Answer.decode(answer.encode()) == answer


def test_a_reset_has_a_cause():
    ask = wire.Ask(1, wire.OUTPUT_EDGE, 0, (wire.Reset(1),))
    assert wire.Ask.decode(ask.encode()) == ask
    with pytest.raises(wire.WireError, match=r"Reset\.cause: 3"):
        wire.Ask(1, wire.OUTPUT_EDGE, 0, (wire.Reset(3),)).encode()


def test_a_wave_has_three_legs():
    two = dataclasses.replace(WAVES[0], grid_v=(1 + 0j, 2 + 0j))
    with pytest.raises(wire.WireError, match=r"Wave\.grid_v: 2 legs, allowed 3"):
        wire.Answer(1, (two,)).encode()


def plain(item: Any) -> dict[str, Any]:
    """An item as the JavaScript side shows it: camel case, bytes in base64, phasors flat."""
    found: dict[str, Any] = {"kind": type(item).__name__}
    for name in type(item).__dataclass_fields__:
        value = getattr(item, name)
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        elif isinstance(value, tuple):
            value = [part for leg in value for part in (leg.real, leg.imag)]
        elif value == math.inf:
            value = "inf"
        key = name.title().replace("_", "")
        found[key[0].lower() + key[1:]] = value
    return found


GOLDEN = (
    wire.Pins(2**32 - 1, 0x8000_0001),
    wire.Pwm(9, 1000, 65535),
    wire.UartTx(0, b"\0\1\xfe\xff"),
    wire.NetOpen(255, 65535),
    wire.NetTx(1, b""),
    wire.NetClose(7),
    wire.Section(4, bytes(range(256))),
    wire.Log("µs and ∑, in UTF-8"),
    wire.Watchdog(2000),
    wire.Step(65535),
    wire.Reset(2),
    wire.Scratch(3, 2**32 - 1),
    wire.Moment(1_999_999),
    wire.Samples(2**32 - 1, b"\1\2"),
    wire.Edge(2**32 * 1000 - 1, 31, 1),
    wire.UartRx(3, 1_999_999, 573, b"abc"),
    wire.NetRx(2, 1000, b"xyz"),
    wire.NetClosed(0),
    wire.Rtc(2**32 - 1),
    wire.Quit(),
    wire.NetRefused(5),
    wire.NetAccept(128, 8080),
    wire.Lose(1_999_999, 2),
    wire.Copy(3, 1_999_999, 4_000, 573, 8, bytes(range(40))),
)


def test_both_sides_of_the_link_write_the_same_bytes():
    """Golden vectors: Python writes every kind of item; node reads, shows and writes them back."""
    upwards = {item.cls for item in wire.CHIP_ITEMS}
    said = tuple(item for item in GOLDEN if type(item) in upwards)
    told = (*(item for item in GOLDEN if type(item) not in upwards), *WAVES)
    asks = [wire.Ask(7_000_999, why, 2**32 - 1, said) for why in wire.WHY_NAMES]
    answers = [wire.Answer(0), wire.Answer(2**32 * 1000 - 1, told)]
    kinds = {type(item) for message in (*asks, *answers) for item in message.items}
    assert kinds == {item.cls for item in wire.CHIP_ITEMS + wire.TWIN_ITEMS}
    coded = [[base64.b64encode(m.encode()).decode() for m in group] for group in (asks, answers)]
    found = node({"asks": coded[0], "answers": coded[1]})
    for group, codes, made in zip(
        (asks, answers), coded, (found["asks"], found["answers"]), strict=True
    ):
        for message, code, there in zip(group, codes, made, strict=True):
            assert there["bytes"] == code
            assert there["message"]["items"] == [plain(item) for item in message.items]


# --- what the chip measures ---------------------------------------------------------------------

WAVES = (
    Wave(0, 40_000, 50.02, 0.3, 50.02, 0.3, (3 - 4j, 0j, 5j), tuple(9 * t for t in TURN),
         tuple(231 * t for t in TURN), tuple(229 * t for t in TURN), 9.0, -12.0, 220.0),
    Wave(40_000, 100_000, 49.9, 2.0, 60.5, 6.1, (0j, 0j, 0j), (1 + 1j, 0j, 0j),
         (0j, 0j, 0j), tuple(120 * t for t in TURN), 12.0, -12.0, math.inf),
)  # fmt: skip
SHOWN = {
    "evse_ct": ("evse_a", "house", ((1, 1.0), (3, 0.05), (5, 0.03))),
    "main_ct": ("main_a", "grid", ((1, 1.0), (3, 0.05), (5, 0.03))),
    "grid_v": ("grid_v", "grid", ((1, 1.0), (5, 0.02), (7, 0.01))),
    "house_v": ("house_v", "house", ((1, 1.0), (5, 0.02), (7, 0.01))),
}


def test_the_instantaneous_values_are_those_of_numpy():
    rng = random.Random(3)
    asked = [
        (quantity, leg, rng.randint(1, 100_000_000)) for quantity in SHOWN for leg in range(3)
        for _ in range(25)
    ]  # fmt: skip
    answer = wire.Answer(100_000, WAVES)
    found = node({
        "waves": base64.b64encode(answer.encode()).decode(),
        "harmonics": {"current": [[3, 0.05], [5, 0.03]], "voltage": [[5, 0.02], [7, 0.01]]},
        "ask": asked,
    })["values"]  # fmt: skip
    for (quantity, leg, nanos), value in zip(asked, found, strict=True):
        field, side, harmonics = SHOWN[quantity]
        wave = WAVES[0] if nanos <= 40_000_000 else WAVES[1]
        x = getattr(wave, field)[leg]
        seconds = nanos * 1e-9 - wave.t0_us * 1e-6
        rad, hz = getattr(wave, f"{side}_rad"), getattr(wave, f"{side}_hz")
        angle = rad + 2 * np.pi * hz * seconds + np.angle(x)
        expected = np.sqrt(2) * abs(x) * sum(w * np.cos(n * angle) for n, w in harmonics)
        assert value == pytest.approx(expected, abs=1e-6)


def test_the_emulated_front_end_sees_what_the_sample_stream_shows():
    """The same stretch, once as codes for the interpreter, once as volts for the converter."""
    stretch = StubStretch(0, 100_000, TURN, (10 + 2j, 3j, -7 + 0j), grid_rad=1.0, house_rad=1.0)
    ideal = Synthesis(Instruments(noise_codes=0), 1).codes([stretch], 0, 400)
    asked, codes = [], []
    for frame, (channel, quantity, leg, scale) in itertools.product(
        range(1, 400, 13),
        ((2, "evse_ct", 0, CODE_PER_A_EVSE), (4, "evse_ct", 2, CODE_PER_A_EVSE),
         (9, "grid_v", 1, CODE_PER_V), (11, "house_v", 0, CODE_PER_V)),
    ):  # fmt: skip
        asked.append((quantity, leg, round(frame / 4800 * 1e9) + channel * 5000))
        codes.append((int(ideal[frame, channel]), scale))
    answer = wire.Answer(100_000, (wave_of(stretch, 0),))
    values = node({
        "waves": base64.b64encode(answer.encode()).decode(),
        "harmonics": {"current": [[3, 0.05], [5, 0.03]], "voltage": [[5, 0.02], [7, 0.01]]},
        "ask": asked,
    })["values"]  # fmt: skip
    for value, (code, scale) in zip(values, codes, strict=True):
        assert 2048 + value * scale == pytest.approx(code, abs=0.6)


def test_a_stretch_that_began_before_the_chip_is_cut_at_its_start():
    stretch = StubStretch(0, 300_000, TURN, TURN, grid_hz=51.0, grid_rad=0.5)
    wave = wave_of(stretch, 123_456)
    assert (wave.t0_us, wave.t1_us) == (0, 176_544)
    whole = wave_of(stretch, 0)
    at_us = 150_000
    angle = whole.grid_rad + math.tau * whole.grid_hz * at_us * 1e-6
    same = wave.grid_rad + math.tau * wave.grid_hz * (at_us - 123_456) * 1e-6
    assert cmath.rect(1, same) == pytest.approx(cmath.rect(1, angle))


# --- the session with such a chip ----------------------------------------------------------------


class Rig:
    """A chip that is told waves, and keeps what it was told."""

    def __init__(self) -> None:
        self.house = StubHouse()
        self.device = StubDevice(self.house)
        self.session = Session(self.house, None, {1: self.device})
        self.resets: list[tuple[int, str]] = []
        self.session.on_reset = lambda t_us, cause: self.resets.append((t_us, cause))
        self.waves: list[Wave] = []
        self.now_us = 0
        self.answer = self.say(0, why=wire.START)

    def say(self, now_us: int, *items: Any, why: int = wire.BLOCK_END) -> wire.Answer:
        self.now_us = now_us
        self.answer = self.session.exchange(wire.Ask(now_us, why, 0, items))
        assert not any(isinstance(item, wire.Samples) for item in self.answer.items)
        told = [item for item in self.answer.items if isinstance(item, Wave)]
        kept = [w for w in self.waves if w.t0_us < now_us]
        self.waves = kept + told
        assert told[0].t0_us <= now_us < told[0].t1_us
        assert told[-1].t1_us >= self.answer.until_us
        assert all(a.t1_us == b.t0_us for a, b in itertools.pairwise(told))
        return self.answer

    def amps(self, t_us: int) -> float:
        """What the charging point's L1 carries at a moment, as the chip was told last."""
        return abs(next(w for w in reversed(self.waves) if w.t0_us < t_us <= w.t1_us).evse_a[0])


def test_the_waves_cover_what_comes_and_nothing_is_sampled():
    rig = Rig()
    for _ in range(5):
        rig.say(rig.answer.until_us)
    assert rig.now_us == 500_000
    future = rig.session.future
    assert (future._past, len(future._codes)) == ([], 0)  # nothing is kept for ever


def test_an_output_changes_the_waves_at_its_time():
    rig = Rig()
    rig.say(13_500, CLOSE, why=wire.OUTPUT_EDGE)  # closes 20 ms later
    assert wire.Edge(33_500, 10, 1) in rig.answer.items
    assert [rig.amps(t) for t in (13_500, 33_500, 33_501, 90_000)] == [0, 0, 10, 10]
    rig.say(20_000, OPEN, why=wire.OUTPUT_EDGE)
    assert rig.amps(90_000) == 0


def test_looking_ahead_changes_no_wave():
    rng = random.Random(5)
    plain, ahead = Rig(), Rig()
    for _ in range(200):
        if rng.random() < 0.8:
            ahead.session.look_ahead()
        at_us, items, why = plain.answer.until_us, (), wire.BLOCK_END
        if rng.random() < 0.4:
            at_us = rng.randint(plain.now_us, plain.answer.until_us)
            items, why = (rng.choice([OPEN, CLOSE]),), wire.OUTPUT_EDGE
        assert plain.say(at_us, *items, why=why) == ahead.say(at_us, *items, why=why)


def test_a_reset_floats_the_pins_and_time_goes_on():
    rig = Rig()
    rig.say(10_000, CLOSE, why=wire.OUTPUT_EDGE)
    rig.say(60_000, why=wire.RECORD)
    rig.say(61_234, wire.Pins(0, 0), wire.Reset(1), why=wire.OUTPUT_EDGE)
    assert rig.resets == [(61_234, "watchdog")]
    assert wire.Rtc(0) in rig.answer.items  # a fresh chip knows no date
    assert rig.amps(81_234) == 10 and rig.amps(81_235) == 0
    assert rig.say(100_000).until_us == 200_000
    assert rig.session.boot_us == 0


def test_only_a_chip_with_waves_may_reset_by_itself():
    session = Session(StubHouse(), SYNTHESIS)
    session.exchange(wire.Ask(0, wire.START, 0))
    with pytest.raises(LinkError, match="Reset"):
        session.exchange(wire.Ask(10, wire.OUTPUT_EDGE, 0, (wire.Reset(2),)))


# --- the circuit board ---------------------------------------------------------------------------

BOARD: dict[str, Any] = {
    "pilot": {"pin": 9},
    "dead_man": {"pin": 3, "holds": ["contactor", "enable"]},
    "outputs": [
        {"name": "contactor", "pin": 4},
        {"name": "island", "pin": 5},
        {"name": "loads", "pin": 8},
    ],
    "inputs": [
        {"name": "contactor", "pin": 10},
        {"name": "estop", "also": ["overtemp"], "pin": 14},
    ],
}


@pytest.fixture
def wired() -> port.HousePort:
    spec = from_dict(HouseSpec, {"circuits": [{"name": "main", "breaker_a": 25}]})
    return port.HousePort(House(spec, datetime(2026, 1, 1, tzinfo=UTC), 1), BOARD)


def outputs(wired: port.HousePort) -> dict[str, bool | None]:
    return wired.house.switchgear.outputs


def test_the_dead_man_pin_holds_its_coils_and_no_others(wired):
    on = 1 << 4 | 1 << 5 | 1 << 8
    wired.set_pins(on | 1 << 3, on | 1 << 3)
    assert [outputs(wired)[n] for n in ("contactor", "island", "loads")] == [True, True, True]
    wired.set_pins(on | 1 << 3, on)  # nobody pushes: the pin has fallen
    assert [outputs(wired)[n] for n in ("contactor", "island", "loads")] == [False, True, True]
    wired.set_pins(on, on)  # and one that is not driven holds nothing either
    assert outputs(wired)["contactor"] is False
    wired.set_pins(0, 0)
    assert set(outputs(wired).values()) == {None}


def test_one_loop_of_several_contacts_is_open_while_any_is(wired):
    house = wired.house
    levels = []
    for t_ms, what, to in ((10, "estop", 1), (20, "overtemp", 1), (30, "estop", 0),
                           (40, "overtemp", 0)):  # fmt: skip
        begin_us = wired.t_us
        wired.advance(t_ms * 1000)
        house.apply(f"protection.{what}", bool(to))
        wired.advance(t_ms * 1000 + 5000)
        levels += list(wired.edges(begin_us, t_ms * 1000 + 5000))
        assert (14, int(t_ms < 40)) in wired.inputs()
    assert levels == [(10_001, 14, 1), (40_001, 14, 0)]
    assert wired.input_names[14] == "estop/overtemp"


# --- chips, flash --------------------------------------------------------------------------------


def test_a_chip_may_stand_for_its_board_and_an_unknown_one_is_refused():
    assert chips.circuit_of("rp2040", "") == "pico"
    assert chips.circuit_of("", "") == chips.circuit_of("host", "") == "host"
    assert chips.circuit_of("", "pico") == "pico"
    for chip, circuit, text in (
        ("rp2040", "host", "CIRCUIT: host is for the chip host, but CHIP=rp2040"),
        ("toaster", "", "CHIP: 'toaster' is not one of host, rp2040"),
    ):
        with pytest.raises(port.BoardError, match=text):
            chips.circuit_of(chip, circuit)
    assert chips.kind_of(port.read_board("pico")).emulated
    assert not chips.kind_of(port.read_board("host")).emulated
    with pytest.raises(port.BoardError, match="chip z80, here run host, rp2040"):
        chips.kind_of({"name": "toy", "chip": "z80"})


def test_an_image_that_is_missing_or_of_another_circuit_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(chips, "ROOT", tmp_path)
    for name in ("IMAGE", "DATA", "CACHE"):
        monkeypatch.setattr(chips, name, tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no IMAGE: `make image IMAGE=pico CIRCUIT=own`"):
        chips.emulator_command("own")
    (tmp_path / "CACHE").mkdir()
    for path in (chips.IMAGE, chips.CACHE / "bootrom.bin"):
        path.write_bytes(b"")
    chips.DATA.write_text("CIRCUIT = 'pico'\n")
    with pytest.raises(FileNotFoundError, match="another circuit than own"):
        chips.emulator_command("own")
    assert chips.emulator_command("pico")[1].endswith("tools/rp2040/lockstep.mjs")


def test_what_needs_a_network_is_taken_out_and_named():
    site = {"legs": 3, "mqtt": {"host": "x"}, "http": {"port": 80}}
    assert chips.offline(site) == ["mqtt", "http"]
    assert site == {"legs": 3}
    assert chips.offline(site) == []
