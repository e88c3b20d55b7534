"""`make calibrate` from end to end: a person, a trusted meter, a fake board in a fake house."""

from __future__ import annotations

import asyncio
import builtins
import json
import random
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests_host.calibrate.test_wiring import House
from tests_host.flash.fake_board import Board
from tools.calibrate import Doubt, __main__, store
from tools.calibrate.trusted import ModbusMeter
from tools.flash import site

PICO = site.circuit("pico")
UNIT = 7


class Instruments:
    """What the fake board reads: the truth, bent by gains that its calibration file corrects."""

    def __init__(self, board: Board, house: House) -> None:
        self.board, self.house = board, house
        self.load_va: list[complex] = [0j, 0j, 0j]
        self.amps = 16.0
        self.dice = random.Random(5)
        self.bent = {"mv_gain_ppm": 0, "ma_gain_ppm": 0}
        self.pilot_mv: list[float] = [9_120, -11_700]
        self.proximity_ohm = 700
        board.readings = self.read

    def corrected(self, reading: float, field: str, leg: int, number: int) -> int:
        """As the chip does it: the front end's error, then the calibration in force."""
        factor = (1 + self.correction(field, leg, number) / 1e6) / (1 + self.bent[field] / 1e6)
        return round(reading * factor * (1 + self.dice.gauss(0, 0.0005)))

    def correction(self, field: str, leg: int, number: int, default: int = 0) -> int:
        text = self.board.files.get("/calibration.json", b"").decode()
        for row in json.loads(text)["meters"] if text else []:
            if (row["meter"], row["leg"]) == (number, leg + 1):
                return row.get(field, default)
        return default

    def read(self) -> dict[str, Any]:
        legs = range(self.house.legs)
        wired = [self.correction("input", leg, 1, leg + 1) - 1 for leg in legs]
        # a transformer on another input meets this leg's voltage
        sits = [self.house.sits[k] for k in wired]
        signs = [self.house.signs[k] * self.correction("polarity", leg, 1, 1)
                 for leg, k in enumerate(wired)]  # fmt: skip
        again = House(
            sits,
            signs,
            seed=self.dice.randrange(1_000_000),
            noise_w=self.house.noise_w,
            background_va=self.house.background,
        )
        power = again.reading(self.load_va)
        mv = [self.corrected(230_000, "mv_gain_ppm", leg, 1) for leg in legs]
        ma = [self.corrected(1000 * self.amps, "ma_gain_ppm", leg, 2) for leg in legs]
        return {
            "grid_mv": mv,
            "grid_mhz": 50_000,
            "house_mv": None,
            "mains_w": [round(watts) for watts, _ in power],
            "mains_ma": [round(1000 * va / 230) for _, va in power],
            "evse_ma": ma,
            "fast_ma": None,
            "pilot_mv": [v + self.dice.gauss(0, 5) for v in self.pilot_mv],
            "proximity_ohm": self.proximity_ohm,
        }


@pytest.fixture
def home(board: Board) -> Instruments:
    return Instruments(board, House((0, 1, 2), (1, 1, 1)))


def calibrate(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str], *words: str) -> int:
    monkeypatch.setattr(builtins, "input", answer)
    return __main__.main(["--port", "board", *words])


def switching(home: Instruments) -> Callable[[str], str]:
    """A person with a heater of 2 kW, who does what is asked."""

    def answer(question: str) -> str:
        where = question.split(" on ")[1].split()[0]
        on = " on, then press" in question
        home.load_va = [
            2000 + 0j if on and where in ("all", f"L{leg + 1}") else 0j for leg in range(3)
        ]
        return ""

    return answer


def stored(board: Board) -> dict[str, Any]:
    return json.loads(board.files["/calibration.json"])


# --- wiring ------------------------------------------------------------------------------------


def test_all_is_right(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(monkeypatch, switching(home), "--what", "wiring", "--watts", "2000") == 0
    said = capsys.readouterr().out
    assert "calibrate: all transformers are right\n" in said
    assert home.board.events == []


def test_it_is_told_and_not_touched(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Instruments(board, House((2, 1, 0), (1, -1, 1)))
    words = ("--what", "wiring", "--watts", "2000")
    assert calibrate(monkeypatch, switching(home), *words) == 1
    said = capsys.readouterr().out
    assert "the transformers of L1 and L3 are swapped" in said
    assert "the transformer on L2 is turned round: swap its two wires" in said
    assert "/calibration.json" not in board.files
    assert calibrate(monkeypatch, switching(home), *words, "--leg", "all") == 1
    assert "the transformers of L1 and L3 are swapped" in capsys.readouterr().out


@pytest.mark.parametrize("sits", [(1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 1, 2)])
@pytest.mark.parametrize("signs", [(1, -1, 1), (-1, -1, -1)])
def test_the_chip_corrects_for_it(
    board: Board, monkeypatch: pytest.MonkeyPatch, sits: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    home = Instruments(board, House(sits, signs))
    words = ("--what", "wiring", "--watts", "2000")
    assert calibrate(monkeypatch, switching(home), *words, "--keep", "1") == 1
    assert stored(board)["date"] == date.today().isoformat()
    assert site_errors(board) == []
    assert calibrate(monkeypatch, switching(home), *words) == 0  # and now all is right
    # somebody swaps wires although it was corrected for: found and corrected again
    home.house.signs = [-home.house.signs[0], *home.house.signs[1:]]
    assert calibrate(monkeypatch, switching(home), *words, "--keep", "1") == 1
    assert calibrate(monkeypatch, switching(home), *words) == 0


def site_errors(board: Board) -> list[str]:
    return store.mistakes(board.files["/calibration.json"].decode(), PICO)


def test_a_doubt_is_said(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--what", "wiring", "--watts", "2000", "--leg", "2")
    assert calibrate(monkeypatch, lambda _question: "", *words) == 1
    assert "cannot tell: no transformer saw the load on L2" in capsys.readouterr().out
    assert calibrate(monkeypatch, lambda _question: "", "--what", "wiring") == 1
    assert "cannot tell: WATTS" in capsys.readouterr().out


# --- gains -------------------------------------------------------------------------------------


def typed(*numbers: str) -> Callable[[str], str]:
    """Enter where Enter is asked for, else the next number."""
    left = list(numbers)
    return lambda question: "" if "press Enter" in question else left.pop(0)


def test_gains_of_the_voltages_by_a_voltmeter(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.bent["mv_gain_ppm"] = 31_000
    said = ["230,1", "230 V", "229.9", "", "nonsense", "230", "230.0", "230.0"]
    words = ("--what", "gain", "--at", "grid")
    assert calibrate(monkeypatch, typed(*said), *words) == 0
    rows = stored(home.board)["meters"]
    assert [(row["meter"], row["leg"]) for row in rows] == [(1, 1), (1, 2), (1, 3)]
    for row in rows:
        assert row["mv_gain_ppm"] == pytest.approx(31_000, abs=1_000)
    mean = sum(home.read()["grid_mv"][0] for _ in range(50)) / 50
    assert mean == pytest.approx(230_000, rel=0.001)
    assert home.board.events == ["stopped", "rename /calibration.json", "reset"]
    # a second time from there: the calibration in force is taken into account
    assert calibrate(monkeypatch, typed(*["230"] * 6), *words) == 0
    for row in stored(home.board)["meters"]:
        assert row["mv_gain_ppm"] == pytest.approx(31_000, abs=1_000)


class MeterServer:
    """An SDM630 behind TCP, by pymodbus, in a thread of its own."""

    def __init__(self, values: dict[int, float]) -> None:
        self.values = values
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    async def _refresh(
        self, function: int, start: int, first: int, count: int, registers: list[int], _new: object
    ) -> ExcCodes | None:
        if function != 4:
            return ExcCodes.ILLEGAL_FUNCTION
        for at, value in self.values.items():
            words = struct.unpack(">HH", struct.pack(">f", value))
            registers[at - start : at - start + 2] = words
        return None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        block = SimData(0, count=100, values=0, datatype=DataType.REGISTERS)
        device = SimDevice(UNIT, simdata=block, action=self._refresh)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await self._server.listen()
        assert self._server.transport is not None
        self.port = self._server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._stopped = asyncio.Event()
        self._ready.set()
        await self._stopped.wait()
        await self._server.shutdown()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(20)


@pytest.fixture
def meter() -> Iterator[MeterServer]:
    served = MeterServer({6: 16.0, 8: 16.0, 10: 16.0, 0: 230.0, 12: 3680.0})
    yield served
    served.stop()


def test_gains_of_the_currents_by_a_modbus_meter(
    home: Instruments, meter: MeterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.bent["ma_gain_ppm"] = -24_000
    words = ("--what", "gain", "--at", "evse", "--meter", f"tcp:127.0.0.1:{meter.port}")
    assert calibrate(monkeypatch, typed(), *words, "--address", str(UNIT)) == 0
    for row in stored(home.board)["meters"]:
        assert row["meter"] == 2
        assert row["ma_gain_ppm"] == pytest.approx(-24_000, abs=1_000)


def test_the_trusted_meter(meter: MeterServer) -> None:
    trusted = ModbusMeter(f"tcp:127.0.0.1:{meter.port}", "sdm630", UNIT)
    assert trusted.read("voltage", 0) == 230
    assert trusted.read("current", 2) == 16
    assert trusted.read("power", 0) == 3680
    meter.values[0] = 9_999.0
    with pytest.raises(Doubt, match=r"voltage of L1 is .*, out of its range"):
        trusted.read("voltage", 0)
    trusted.close()
    with pytest.raises(Doubt, match=r"PROFILE: nothing is not one of .*sdm630"):
        ModbusMeter("tcp:127.0.0.1:1", "nothing", 1)
    with pytest.raises(Doubt, match="METER: cannot open"):
        ModbusMeter("tcp:127.0.0.1:1", "sdm630", 1)


@pytest.mark.parametrize(
    ("words", "answers", "expected"),
    [
        (("--at", "grid"), ("230", "240"), "the trusted instrument moved from 230.0 to 240.0"),
        (("--at", "grid"), ("330", "330"), "is off by +43 %, which is no calibration"),
        (("--at", "house"), (), "house_mv: the board does not measure it"),
        (("--at", "attic"), (), "AT: attic is not one of grid, house, mains, evse, fast"),
        (("--at", "grid", "--leg", "4"), (), "LEG: 4 is not 1, 2, 3 or all"),
        (("--at", "fast", "--leg", "1"), (), "fast_ma: the board does not measure it"),
    ],
)
def test_gains_that_are_refused(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...], answers: tuple[str, ...], expected: str,
) -> None:  # fmt: skip
    assert calibrate(monkeypatch, typed(*answers), "--what", "gain", *words) == 1
    assert expected in capsys.readouterr().out
    assert "/calibration.json" not in home.board.files
    assert home.board.events == []


# --- delay, offset, pilot, proximity -----------------------------------------------------------


def test_a_delay_by_a_motor(home: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    """The house is exact here, so the delay of an exact trusted meter is nought."""
    home.house = House((0, 1, 2), (1, 1, 1), background_va=[1200 + 1600j, 0, 0], noise_w=2)
    volts, amps = "230", str(2000 / 230)
    words = ("--what", "delay", "--leg", "1")
    assert calibrate(monkeypatch, typed(volts, amps, "1200"), *words) == 0
    assert abs(stored(home.board)["meters"][0]["delay_us"]) <= 3
    # the trusted meter sees 60 degrees where the board sees 53: it shows the current too early
    assert calibrate(monkeypatch, typed(volts, amps, "1000"), *words) == 0
    early = stored(home.board)["meters"][0]["delay_us"]
    assert early == pytest.approx(-(60 - 53.13) / 360 / 50 * 1e6, abs=4)


def test_offsets_of_nothing(home: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    home.house = House((0, 1, 2), (1, 1, 1), background_va=[4, 6, 0], noise_w=0)
    assert calibrate(monkeypatch, typed(), "--what", "offset") == 0
    rows = stored(home.board)["meters"]
    assert [row["mw_offset"] for row in rows] == [-4_000, -6_000, 0]
    assert [row["ma_offset"] for row in rows] == [-17, -26, 0]


def test_offsets_of_something(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(monkeypatch, typed(), "--what", "offset", "--leg", "2") == 1
    assert "something flows; switch everything off" in capsys.readouterr().out


def test_the_pilot_by_an_oscilloscope(home: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    assert calibrate(monkeypatch, typed("9.0", "-11.8"), "--what", "pilot") == 0
    (row,) = stored(home.board)["channels"]
    assert row["signal"] == "pilot"
    assert row["gain_ppm"] == pytest.approx((20_800 / 20_820 - 1) * 1e6, abs=500)


def test_the_pilot_without_pwm(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.pilot_mv = [12_000, 12_000]
    assert calibrate(monkeypatch, typed(), "--what", "pilot") == 1
    assert "no PWM" in capsys.readouterr().out


def test_the_proximity_by_a_resistor(home: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    assert calibrate(monkeypatch, typed("680"), "--what", "proximity") == 0
    (row,) = stored(home.board)["channels"]
    assert row["zero_code16"] == pytest.approx((680 / 1680 - 700 / 1700) * 4095 * 16, abs=1)


# --- storing -----------------------------------------------------------------------------------


def test_it_waits_while_something_is_energised(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour in the cellar is not lost because the car still charges."""
    home.board.energised = ["the contactor is closed"]
    words = ("--what", "gain", "--at", "grid", "--leg", "1")
    assert calibrate(monkeypatch, typed("230", "230"), *words) == 1
    said = capsys.readouterr().out
    assert "not now: the contactor is closed" in said
    assert "WHAT=store" in said
    assert "/calibration.json" not in home.board.files
    assert calibrate(monkeypatch, typed("230", "230"), *words) == 1
    assert "waits for the board: WHAT=store brings it" in capsys.readouterr().out
    home.board.energised = []
    assert calibrate(monkeypatch, typed(), "--what", "store") == 0
    assert stored(home.board)["meters"][0]["leg"] == 1
    assert calibrate(monkeypatch, typed(), "--what", "store") == 1
    assert calibrate(monkeypatch, typed(), "--what", "show") == 0
    assert '{"meter": 1, "leg": 1, "mv_gain_ppm"' in capsys.readouterr().out


def test_the_board_is_started_again_whatever_happens(
    home: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.board.spoil = lambda _path, data: data[1:]
    words = ("--what", "gain", "--at", "grid", "--leg", "1")
    assert calibrate(monkeypatch, typed("230", "230"), *words) == 1
    assert home.board.events == ["stopped", "reset"]
    assert store.waiting(PICO).exists()


def test_a_damaged_file_on_the_board(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.board.files["/calibration.json"] = b'{"circuit": "pico", "date": "x"}'
    assert calibrate(monkeypatch, typed(), "--what", "show") == 1
    assert "present calibration is damaged: date: is not a date" in capsys.readouterr().out


def test_ctrl_c(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_question: str) -> str:
        raise KeyboardInterrupt

    assert calibrate(monkeypatch, interrupt, "--what", "gain", "--at", "grid") == 130
    assert "the board has the calibration that it had" in capsys.readouterr().out


def test_another_circuit_board(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.board.circuit = "mybox"
    assert calibrate(monkeypatch, typed(), "--what", "show") == 1
    assert "this is the circuit board mybox" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["pilot", "proximity"])
@pytest.mark.parametrize("point", ["2", "3"])
def test_a_point_that_the_board_has_not(
    home: Instruments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    what: str, point: str,
) -> None:  # fmt: skip
    assert calibrate(monkeypatch, typed(), "--what", what, "--point", point) == 1
    said = capsys.readouterr().out
    wanted = f"POINT: the circuit board pico has no {what} 2" if point == "2" else "1 to 2"
    assert wanted in said and home.board.events == []
