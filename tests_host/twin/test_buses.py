"""The devices on the line and the brokers, against clients that islet did not write."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest
from sunspec2.modbus.client import SunSpecModbusClientDeviceRTU

from tools.twin.buses import devices, layout, mqtt
from tools.twin.buses.line import (
    LATE_US,
    MOST,
    OFTEN,
    TURNAROUND_US,
    Line,
    Responder,
    Timing,
)
from tools.twin.buses.realbroker import RealBroker
from tools.twin.buses.serial import SerialBus
from tools.twin.buses.sunspec import SunSpec
from tools.twin.house.inverter import Inverter
from tools.twin.house.spec import ConverterSpec
from tools.twin.link import wire

TIMING = Timing(19_200, "N")


def make() -> tuple[Responder, SimpleNamespace, Inverter, SunSpec]:
    meter = SimpleNamespace(
        volts=(230.0, 231.5, 229.0),
        amps=(10.0, 5.0, -1.25),
        watts=(2300.0, 1100.0, -286.25),
        hz=50.02,
        import_wh=12_345.0,
        export_wh=99.0,
    )
    inverter = Inverter(
        ConverterSpec("inverter", circuit="battery"), 0, 3, (230.0, 50.0), None, None
    )
    sunspec = SunSpec(inverter, 2)
    responder = Responder(
        {"meter": devices.sdm630(meter, 1), "inverter": sunspec.device}  # type: ignore[arg-type]
    )
    return responder, meter, inverter, sunspec


def frame(pdu: ModbusPDU, address: int) -> bytes:
    pdu.dev_id = address
    return FramerRTU(DecodePDU(False)).buildFrame(pdu)


def parse(data: bytes) -> ModbusPDU:
    _, pdu = FramerRTU(DecodePDU(False)).handleFrame(data, 0, 0)
    assert pdu is not None
    return pdu


READ = frame(ReadInputRegistersRequest(address=0, count=18), 1)


def exchange(line: Line, data: bytes = READ) -> list[tuple[int, bytes, int]]:
    line.transmit(1_000, data, None)
    return line.due(1_000)


class TestVirtualLine:
    def test_a_read_has_true_byte_times(self) -> None:
        responder, meter, _, _ = make()
        [(first_us, data, char_us)] = exchange(Line(responder, TIMING))
        assert char_us == 521  # 10 bits at 19 200 baud
        assert first_us == 1_000 + TURNAROUND_US + 521
        registers = parse(data).registers
        floats = struct.unpack(">9f", struct.pack(">18H", *registers))
        assert floats == pytest.approx((*meter.volts, *meter.amps, *meter.watts))

    @pytest.mark.parametrize("kind", ["silent", "late", "crc", "exception", "noise", "other"])
    def test_each_fault_is_what_it_says(self, kind: str) -> None:
        responder, *_ = make()
        line = Line(responder, TIMING)
        good = exchange(line)[0]
        responder.fault("meter", kind, 10_000_000)
        answers = exchange(line)
        if kind == "silent":
            assert answers == []
            return
        [(first_us, data, _)] = answers
        if kind == "late":
            assert first_us - good[0] == LATE_US - TURNAROUND_US
            assert data == good[1]
        elif kind == "crc":
            assert data[:-1] == good[1][:-1] and data != good[1]
        elif kind == "exception":
            assert isinstance(parse(data), ExceptionResponse)
        elif kind == "noise":
            assert data.endswith(good[1]) and len(data) > len(good[1])
        else:
            assert parse(data).dev_id == 2

    def test_a_fault_ends(self) -> None:
        responder, *_ = make()
        responder.fault("all", "silent", 500)
        assert exchange(Line(responder, TIMING))

    def test_what_is_read_often_has_copies_of_what_would_be_answered(self) -> None:
        responder, meter, _, _ = make()
        responder.parts["meter"] = lambda asked, shown: shown
        line = Line(responder, TIMING)
        for _ in range(OFTEN):
            assert line.copies(0, [(0, 1)]) == []
            exchange(line)
        [(_, first, _)] = exchange(line)
        assert line.copies(0, [(0, 1)]) == [(0, READ, first, TURNAROUND_US, 521)]
        assert line.copies(50, [(0, 1)]) == []  # the chip has it
        meter.hz = 49.0
        assert line.copies(60, [(0, 1), (70, 2)]) == []  # this quantity is not of this request
        meter.amps = (1.0, 1.0, 1.0)
        line.prepare(80, [(0, 1), (90, 3)])
        meter.amps = (2.0, 2.0, 2.0)  # the frame is there, of what was shown then
        [(since_us, _, later, *_)] = line.copies(80, [(0, 1), (90, 3)])
        meter.amps = (1.0, 1.0, 1.0)
        assert since_us == 90 and later == exchange(line)[0][1] != first
        line.forget()
        assert [c[2] for c in line.copies(95, [(90, 3)])] == [later]

    def test_there_is_no_copy_where_a_device_may_answer_otherwise(self) -> None:
        responder, _, inverter, sunspec = make()
        responder.parts["inverter"] = lambda asked, shown: shown
        responder.settled["inverter"] = sunspec.settled
        line = Line(responder, TIMING)
        read = frame(ReadHoldingRegistersRequest(address=40_000, count=2), 2)
        for _ in range(OFTEN):
            exchange(line, read)
        assert [c[2] != b"" for c in line.copies(0, [(0, 1)])] == [True]
        many = [(t_us, t_us) for t_us in range(100, 100 + MOST + 2)]
        assert [c[0::2] for c in line.copies(100, many)][-1][:2] == (100 + MOST, b"")
        assert [c[2] != b"" for c in line.copies(200, [(200, 1)])] == [True]
        responder.fault("inverter", "silent", 400)
        assert [c[2] for c in line.copies(300, [(200, 1)])] == [b""]
        assert [c[2] != b"" for c in line.copies(400, [(200, 1)])] == [True]
        inverter.restart()  # its registers are made anew when it is asked
        assert [c[2] for c in line.copies(500, [(500, 2)])] == [b""]
        exchange(line, read)
        assert [c[2] != b"" for c in line.copies(600, [(500, 3)])] == [True]

    @pytest.mark.parametrize(("name", "kind"), [("meters", "crc"), ("meter", "broken")])
    def test_an_unknown_fault_says_what_is_allowed(self, name: str, kind: str) -> None:
        responder, *_ = make()
        with pytest.raises(ValueError, match="is not one of"):
            responder.fault(name, kind, 1)

    @pytest.mark.parametrize("data", [b"", b"\x01", b"\xff" * 30, READ[:-1], b"\x09" + READ[1:]])
    def test_rubbish_is_not_answered(self, data: bytes) -> None:
        responder, *_ = make()
        assert responder.answer(0, data) is None


@pytest.fixture
def bus() -> Iterator[tuple[SerialBus, Inverter, Responder]]:
    responder, _, inverter, sunspec = make()
    meter = devices.sdm630(make()[1], 1)  # type: ignore[arg-type]
    serial = SerialBus(responder, [meter, sunspec.device], Timing(115_200, "N"))
    serial.start()
    yield serial, inverter, responder
    serial.stop()


def test_pymodbus_client_reads_the_meter_over_the_pty(
    bus: tuple[SerialBus, Inverter, Responder],
) -> None:
    serial, _, responder = bus
    client = ModbusSerialClient(serial.path, baudrate=115_200, timeout=2, retries=0)
    assert client.connect()
    try:
        answer = client.read_input_registers(0, count=2, device_id=1)
        assert struct.unpack(">f", struct.pack(">2H", *answer.registers)) == (230.0,)
        responder.fault("meter", "exception", 2**60)
        assert client.read_input_registers(0, count=2, device_id=1).isError()
    finally:
        client.close()


def test_pysunspec2_client_drives_the_inverter(bus: tuple[SerialBus, Inverter, Responder]) -> None:
    """Layout, scales and signs as the SunSpec Alliance's own library reads and writes them."""
    serial, inverter, _ = bus
    inverter.w, inverter.a, inverter.v = 1500.0, (2.2, 2.2, 2.2), (230.0, 230.0, 230.0)
    client = SunSpecModbusClientDeviceRTU(
        slave_id=2, name=serial.path, baudrate=115_200, timeout=2
    )
    try:
        client.scan()
        assert [m for m in client.models if isinstance(m, int)] == [1, 701, 702, 704, 713, 715]
        measured = client.models[701][0]
        measured.read()
        assert measured.W.cvalue == -1500  # generation is +
        assert measured.VL1.cvalue == 230.0
        storage = client.models[713][0]
        storage.read()
        assert storage.SoC.cvalue == 50.0
        control = client.models[704][0]
        control.read()
        control.WSetRvrtTms.cvalue = 10
        control.WSetMod.cvalue = 1
        control.WSet.cvalue = 1200
        control.WSetEna.cvalue = 1
        control.write()
        assert (inverter.requested_w, inverter.request_enabled) == (-1200.0, True)
        assert inverter.revert_us == 10_000_000
    finally:
        client.close()


def test_read_only_points_are_refused() -> None:
    responder, _, inverter, sunspec = make()
    at = sunspec._start[701] + layout.points(701)["W"].offset
    body = bytes([2, 16]) + struct.pack(">HHBh", at, 1, 2, 100)
    request = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
    found = responder.answer(0, request)
    assert found and isinstance(parse(found[1]), ExceptionResponse)
    assert inverter.requested_w == 0


class TestStubBroker:
    CONNECT = mqtt.packet(
        1,
        0,
        mqtt.text("MQTT")
        + b"\x04\x06\0\x3c"
        + mqtt.text("box")
        + mqtt.text("box/online")
        + struct.pack(">H", 1)
        + b"0",
    )

    def connect(self, broker: mqtt.StubBroker) -> None:
        broker.open(0, 1, 1883)
        broker.transmit(0, 1, self.CONNECT)
        assert broker.due(0) == [wire.NetRx(1, mqtt.LATENCY_US, b"\x20\x02\0\0")]

    def test_publish_reaches_a_subscriber_even_in_pieces(self) -> None:
        broker = mqtt.StubBroker(1883)
        self.connect(broker)
        whole = mqtt.packet(8, 2, b"\0\x07" + mqtt.text("box/set/+") + b"\0")
        for byte in whole:
            broker.transmit(10, 1, bytes([byte]))
        broker.publish(20, "box/set/goal", b"hold")
        broker.publish(20, "box/other", b"no")
        got = [item.data for item in broker.due(20) if isinstance(item, wire.NetRx)]
        assert got == [b"\x90\x03\0\x07\0", mqtt.packet(3, 0, mqtt.text("box/set/goal") + b"hold")]

    def test_the_will_is_published_when_the_connection_breaks(self) -> None:
        broker, seen = mqtt.StubBroker(1883), []
        broker.on_message = lambda t_us, topic, payload: seen.append((topic, payload))
        self.connect(broker)
        broker.reset(5)
        assert seen == [("box/online", b"0")]

    def test_what_was_on_its_way_to_a_chip_that_starts_anew_reaches_nobody(self) -> None:
        broker = mqtt.StubBroker(1883)
        self.connect(broker)
        broker.transmit(10, 1, mqtt.packet(8, 2, b"\0\x07" + mqtt.text("box/set/+") + b"\0"))
        broker.publish(20, "box/set/goal", b"hold")
        broker.reset(25)
        assert broker.due(30) == []

    def test_down_and_hung(self) -> None:
        broker = mqtt.StubBroker(1883)
        self.connect(broker)
        broker.set_state("down")
        broker.open(1, 2, 1883)
        assert broker.due(1) == [wire.NetClosed(1), wire.NetRefused(2)]
        broker.set_state("hung")
        broker.open(2, 3, 1883)
        broker.transmit(2, 3, self.CONNECT)
        assert broker.due(2) == []
        with pytest.raises(ValueError, match="not one of"):
            broker.set_state("sideways")


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_real_broker(kind: str, tmp_path: Path) -> None:
    broker, seen, arrived = RealBroker(tmp_path, kind), [], threading.Event()
    broker.start()
    try:

        def note(topic: str, payload: bytes) -> None:
            seen.append((topic, payload))
            arrived.set()

        broker.on_message = note
        broker.connect()
        for _ in range(50):  # until the subscription stands
            broker.publish("islet/test", b"1")
            if arrived.wait(0.1):
                break
        assert ("islet/test", b"1") in seen
        broker.set_state("down")
        broker.set_state("up")
        assert broker.state == "up"
    finally:
        broker.stop()
    time.sleep(0)
