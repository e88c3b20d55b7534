"""A line in virtual time: the UART of one side, pymodbus' decoder and datastore on the other."""

from __future__ import annotations

import asyncio
import json
import logging
import selectors
import struct
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import sunspec2
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
T = TypeVar("T")
Answer = tuple[float, bytes]  # seconds after the request's last stop bit, bytes
Fault = Callable[[bytes, list[Answer]], list[Answer]]
MODELS = Path(sunspec2.__file__).parent / "models" / "json"


# --- time -----------------------------------------------------------------------------------


class _Selector(selectors.SelectSelector):
    """Waiting passes virtual time at once."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing left to wait for")
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, start: float) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = start
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(main: Callable[[], Coroutine[Any, Any, T]], start: float = 100.0) -> T:
    """Run main() on a fresh loop whose time starts at `start` s and costs nothing."""
    loop = VirtualLoop(start)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


async def for_seconds(seconds: float, work: Awaitable[Any]) -> None:
    """Let a task run for so long."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    if task.done():
        task.result()  # it should still run: show why it does not
    task.cancel()


# --- devices --------------------------------------------------------------------------------


class Devices:
    """pymodbus decodes requests and answers from its datastore; `turnaround` seconds later."""

    def __init__(self, *devices: SimDevice, turnaround: float = 0.008) -> None:
        self.framer = FramerRTU(DecodePDU(True))
        self.core = SimCore(list(devices))
        self.known = {device.id for device in devices}
        self.turnaround = turnaround
        self.requests: list[Any] = []  # decoded by pymodbus
        self.fault: Fault = lambda request, answers: answers

    def registers(self, address: int) -> list[int]:
        return self.core.devices[address].block["x"][2]

    def __call__(self, request: bytes) -> list[Answer]:
        _, pdu = self.framer.handleFrame(request, 0, 0)
        assert pdu is not None, f"pymodbus cannot decode {request.hex()}"
        self.requests.append(pdu)
        answers: list[Answer] = []
        if pdu.dev_id in self.known:
            reply = now(pdu.datastore_update(cast(Any, self.core), pdu.dev_id))
            reply.dev_id = pdu.dev_id
            answers = [(self.turnaround, self.framer.buildFrame(reply))]
        return self.fault(request, answers)

    def exception(self, request: bytes, code: int) -> bytes:
        reply = ExceptionResponse(request[1], code)
        reply.dev_id = request[0]
        return self.framer.buildFrame(reply)

    def writes(self) -> list[tuple[int, list[int]]]:
        """(register, values) of all writes so far."""
        return [(r.address, list(r.registers)) for r in self.requests if r.function_code == 16]


def now(work: Coroutine[Any, Any, T]) -> T:
    """Result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


class Uart:
    """The master's UART: what is written takes its time on the wire, answers likewise."""

    def __init__(self, answer: Callable[[bytes], list[Answer]], baud: int = 19_200) -> None:
        self.answer = answer
        self.char = 10 / baud
        self.arrivals: list[tuple[float, int]] = []
        self.sent: list[tuple[float, bytes]] = []
        self.silences: list[float] = []  # before each request, in characters
        self.ends = 0.0  # of the last character on the wire, either way
        self.echo = False

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def put(self, at: float, data: bytes) -> None:
        """Bytes on the wire from `at`."""
        self.arrivals += [(at + (i + 1) * self.char, byte) for i, byte in enumerate(data)]
        self.arrivals.sort(key=lambda arrival: arrival[0])

    def write(self, data: bytes) -> int:
        at, data = self.time(), bytes(data)
        heard = [when for when, _ in self.arrivals if when <= at]
        self.ends = max([self.ends, *heard])
        self.silences.append((at - self.ends) / self.char)
        self.sent.append((at, data))
        self.ends = at + len(data) * self.char
        if self.echo:
            self.put(at, data)
        for delay, answer in self.answer(data):
            self.put(self.ends + delay, answer)
        return len(data)

    def any(self) -> int:
        at = self.time() + 1e-9
        return sum(1 for when, _ in self.arrivals if when <= at)

    def readinto(self, buffer: memoryview) -> int:
        count = min(self.any(), len(buffer))
        self.ends = max([self.ends, *(when for when, _ in self.arrivals[:count])])
        buffer[:count] = bytes(byte for _, byte in self.arrivals[:count])
        del self.arrivals[:count]
        return count


# --- register maps --------------------------------------------------------------------------


def floats(values: dict[int, float]) -> dict[int, int]:
    """{register: float} as {register: word}."""
    words: dict[int, int] = {}
    for at, value in values.items():
        words[at], words[at + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return words


def meter_device(address: int = 1) -> SimDevice:
    block = SimData(0, count=0x180, values=0, datatype=DataType.REGISTERS)
    return SimDevice(address, simdata=block)


def set_meter(
    registers: list[int],
    amps: list[float],
    watts: list[float],
    volts: float = 230.0,
    hz: float = 50.0,
) -> None:
    """SDM630 registers; the device always measures a slightly different voltage."""
    values = {0x46: hz}
    for leg in range(3):
        values |= {2 * leg: volts, 6 + 2 * leg: amps[leg], 12 + 2 * leg: watts[leg]}
    for at, word in floats(values).items():
        registers[at] = word


@cache
def model(number: int) -> dict[str, tuple[int, int, int]]:
    """{point: (offset, registers, unimplemented word)} from pysunspec2's model file."""
    group = json.loads((MODELS / f"model_{number}.json").read_text())["group"]
    points: dict[str, tuple[int, int, int]] = {}
    offset = 0
    blanks = {"int16": 0x8000, "sunssf": 0x8000, "int32": 0x8000, "pad": 0x8000}
    groups = [group, *group.get("groups", [])]
    for i, part in enumerate(groups):
        for point in part["points"]:
            name = point["name"] if i == 0 else f"{part['name']}.{point['name']}"
            blank = (
                0 if point["type"] in ("string", "uint64") else blanks.get(point["type"], 0xFFFF)
            )
            points[name] = (offset, point["size"], blank)
            offset += point["size"]
    return points


class SunSpecDevice:
    """A SunSpec inverter's registers, from the model files, from any base."""

    NUMBERS = (1, 701, 702, 704, 713, 715)
    VALUES: ClassVar[dict[int, dict[str, int]]] = {
        701: {
            "ACType": 2, "St": 1, "InvSt": 3, "ConnSt": 1, "Alrm": 0, "DERMode": 1, "W": 1500,
            "A": 65, "LNV": 2300, "Hz": 5000, "A_SF": -1, "V_SF": -1, "Hz_SF": -2, "W_SF": 0,
            "WL1": 500, "AL1": 22, "VL1": 2300, "WL2": 500, "AL2": 22, "VL2": 2300,
            "WL3": 500, "AL3": 21, "VL3": 2300,
        },
        702: {
            "WMaxRtg": 500, "WChaRteMaxRtg": 460, "WDisChaRteMaxRtg": 500, "IntIslandCatRtg": 6,
            "WMax": 500, "WChaRteMax": 450, "WDisChaRteMax": 480, "W_SF": 1,
        },
        704: {
            "WSetEna": 0, "WSetMod": 0, "WSet": 0, "WSetRvrt": 0, "WSetEnaRvrt": 0,
            "WSetRvrtTms": 0, "AntiIslEna": 1, "WSet_SF": 0,
        },
        713: {
            "WHRtg": 600, "WHAvail": 330, "SoC": 550, "SoH": 1000, "Sta": 0, "WH_SF": 2,
            "Pct_SF": -1,
        },
        715: {"LocRemCtl": 0, "DERHb": 0, "ControllerHb": 0, "OpCtl": 0},
    }  # fmt: skip

    def __init__(
        self, address: int = 2, base: int = 40_000, models: tuple[int, ...] = NUMBERS
    ) -> None:
        self.base = base
        self.at: dict[int, int] = {}
        words = [0x5375, 0x6E53]
        for number in models:
            self.at[number] = base + len(words)
            points = model(number)
            for _, size, blank in points.values():
                words += [blank] + [0xFFFF if blank == 0xFFFF else 0] * (size - 1)
            size = sum(size for _, size, _ in points.values())
            words[self.at[number] - base : self.at[number] - base + 2] = [number, size - 2]
        words += [0xFFFF, 0]
        self.device = SimDevice(
            address,
            simdata=SimData(base, values=words, datatype=DataType.REGISTERS),
            action=self._act,
        )
        self.words: list[int] = words
        self.address = address
        self.beats = True  # its controller lives
        self.seconds: Callable[[], int] = lambda: int(asyncio.get_running_loop().time())
        for number in models:
            for name, value in self.VALUES.get(number, {}).items():
                self.put(number, name, value)

    def live_in(self, devices: Devices) -> None:
        """The datastore's own copy is the one to change from now on."""
        self.words = devices.registers(self.address)

    async def _act(
        self, function: int, start: int, first: int, count: int, words: Any, values: Any
    ) -> None:
        if self.beats and values is None:
            beat = self.at[715] + model(715)["DERHb"][0] - start
            seconds = self.seconds()
            words[beat : beat + 2] = [seconds >> 16, seconds & 0xFFFF]

    def register(self, number: int, name: str) -> int:
        return self.at[number] + model(number)[name][0]

    def put(self, number: int, name: str, value: int) -> None:
        _, size, _ = model(number)[name]
        at = self.register(number, name) - self.base
        for i in range(size):
            self.words[at + i] = value >> 16 * (size - 1 - i) & 0xFFFF

    def get(self, number: int, name: str) -> int:
        """The point as a signed number."""
        _, size, _ = model(number)[name]
        at = self.register(number, name) - self.base
        value = 0
        for word in self.words[at : at + size]:
            value = value << 16 | word
        return value - (1 << 16 * size) if value >> (16 * size - 1) else value
