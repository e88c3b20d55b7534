"""pdu.py and pymodbus agree, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu import register_message as messages

from firmware.bus import pdu

WORD = st.integers(0, 0xFFFF)
FRAMER = FramerRTU(DecodePDU(True))


def as_frame(address: int, request: bytes) -> bytes:
    body = bytes([address]) + request
    crc = pdu.crc16(body, 0, len(body))
    return body + bytes([crc & 0xFF, crc >> 8])


@given(st.sampled_from([3, 4]), WORD, st.integers(1, 125), st.integers(1, 247))
def test_reads_are_what_pymodbus_sends_and_decodes(fc: int, at: int, count: int, dev: int) -> None:
    kind = messages.ReadHoldingRegistersRequest if fc == 3 else messages.ReadInputRegistersRequest
    frame = as_frame(dev, pdu.read(fc, at, count))
    assert frame == FRAMER.buildFrame(kind(address=at, count=count, dev_id=dev))
    _, decoded = FRAMER.handleFrame(frame, 0, 0)
    assert decoded is not None
    assert (decoded.function_code, decoded.address, decoded.count) == (fc, at, count)


@given(WORD, st.lists(WORD, min_size=1, max_size=123))
def test_writes_are_what_pymodbus_sends_and_decodes(at: int, values: list[int]) -> None:
    request = messages.WriteMultipleRegistersRequest(
        address=at, registers=values, count=len(values), dev_id=7
    )
    frame = as_frame(7, pdu.write(at, values))
    assert frame == FRAMER.buildFrame(request)
    _, decoded = FRAMER.handleFrame(frame, 0, 0)
    assert decoded is not None
    assert (decoded.address, list(decoded.registers)) == (at, values)


@given(WORD, WORD)
def test_single_write_is_what_pymodbus_sends(at: int, value: int) -> None:
    request = messages.WriteSingleRegisterRequest(address=at, registers=[value], dev_id=7)
    assert as_frame(7, pdu.write_single(at, value)) == FRAMER.buildFrame(request)


@given(WORD, st.lists(WORD, min_size=1, max_size=125))
def test_pymodbus_answers_are_accepted(at: int, values: list[int]) -> None:
    for fc, kind in (
        (3, messages.ReadHoldingRegistersResponse),
        (4, messages.ReadInputRegistersResponse),
    ):
        request = pdu.read(fc, at, len(values))
        frame = FRAMER.buildFrame(kind(registers=values, dev_id=9))
        assert len(frame) == pdu.reply_size(request)
        assert pdu.answers(request, frame, 0)
        assert pdu.crc16(frame, 0, len(frame)) == 0
        other = pdu.read(7 - fc, at, len(values))
        assert not pdu.answers(other, frame, 0)
        if len(values) < 125:
            assert not pdu.answers(pdu.read(fc, at, len(values) + 1), frame, 0)


@given(WORD, st.integers(1, 123), WORD)
def test_pymodbus_acknowledgements_are_accepted(at: int, count: int, value: int) -> None:
    request = pdu.write(at, [0] * count)
    reply = messages.WriteMultipleRegistersResponse(address=at, count=count, dev_id=9)
    frame = FRAMER.buildFrame(reply)
    assert len(frame) == pdu.reply_size(request) and pdu.answers(request, frame, 0)
    assert not pdu.answers(pdu.write(at ^ 1, [0] * count), frame, 0)
    single = FRAMER.buildFrame(
        messages.WriteSingleRegisterResponse(address=at, registers=[value], dev_id=9)
    )
    assert pdu.answers(pdu.write_single(at, value), single, 0)


def test_exceptions_have_pymodbus_names_and_size() -> None:
    assert len(FRAMER.buildFrame(ExceptionResponse(3, 2))) == 5


@pytest.mark.parametrize("count", [0, 126])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(ValueError):
        pdu.read(3, 0, count)
    with pytest.raises(ValueError, match="function"):
        pdu.read(1, 0, 1)


@pytest.mark.parametrize("value", [-1, 0x10000])
def test_a_value_or_place_that_fits_no_register_is_refused(value: int) -> None:
    """MicroPython's struct would cut it off in silence."""
    for request in (
        lambda: pdu.write(0, [value]),
        lambda: pdu.write_single(0, value),
        lambda: pdu.write_single(value, 0),
        lambda: pdu.read(3, value, 1),
    ):
        with pytest.raises(ValueError, match="0 to 65535"):
            request()
    with pytest.raises(ValueError, match="count"):
        pdu.write(0, [0] * 124)
