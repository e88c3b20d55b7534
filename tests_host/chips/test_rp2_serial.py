"""chips/rp2_serial.py on a strict RP2040: RS-485 by UART and PIO."""

from __future__ import annotations

import pytest

from tests_host.chips.rp2_setup import DE, Setup, prepared

setup = pytest.fixture(prepared)


def bits_of(word: int) -> str:
    """What the state machine makes of a word: bits in the order of sending."""
    count, rest = (word & 15) + 1, word >> 4
    return "".join(str(rest >> i & 1) for i in range(count + 1))


@pytest.mark.parametrize(("parity", "stop"), [("N", 1), ("N", 2), ("E", 1), ("O", 1)])
def test_characters_become_words(setup: Setup, parity: str, stop: int) -> None:
    uart = setup.board().uart(0, 19_200, parity, stop)
    assert uart.write(bytes(range(256))) == 256
    channel = setup.chip.channels[-1]
    words = channel.settings["read"]
    assert channel.settings["count"] == 256 and channel.busy
    for byte in range(256):
        data = "".join(str(byte >> i & 1) for i in range(8))
        even = str(data.count("1") % 2)
        odd = str(1 - data.count("1") % 2)
        middle = {"N": "", "E": even, "O": odd}[parity]
        assert bits_of(words[byte]) == "0" + data + middle + "1" * stop
        assert words[byte]  # nought would end the transmission


def test_nothing_is_written_into_a_transmission(setup: Setup) -> None:
    uart, chip = setup.board().uart(0, 19_200), setup.chip
    assert uart.write(b"") == 0
    assert uart.write(b"abc") == 3
    assert uart.busy() and uart.write(b"d") is None
    chip.channels[-1].busy = False
    chip.levels |= 1 << DE  # the last character is still on the line
    assert uart.write(b"d") is None and uart.ioctl(3, 5) == 0
    chip.levels = 0
    assert uart.ioctl(3, 5) == 4
    chip.received = b"xyz"
    assert (uart.any(), uart.ioctl(3, 5), uart.ioctl(1, 0)) == (3, 5, -1)
    buffer = bytearray(2)
    assert uart.readinto(buffer) == 2 and buffer == b"xy"


def test_the_line_is_set_up_for_both_directions(setup: Setup) -> None:
    setup.board().uart(0, 9_600, "E")
    machine, settings = setup.chip.machines[0], setup.chip.uarts[0]
    assert (machine.freq, machine.on, machine.done) == (76_800, True, [0xE020])
    assert (settings.baud, settings.parity, settings.bits) == (9_600, 0, 8)
    with pytest.raises(ValueError, match=r"parity: 'X' is not one of N, E, O"):
        setup.board().uart(0, 9_600, "X")


def test_a_second_line_has_its_own_machine_and_one_without_enable_none(setup: Setup) -> None:
    board, chip = setup.board(), setup.chip
    board.circuit.lines += [(1, 8, 9, 14), (1, 8, 9, -1)]
    chip.nets |= {8: "tx", 9: "rx", 14: "de"}
    first, second, plain = (board.uart(i, 9_600) for i in range(3))
    assert first.write(b"abc") == 3 and second.write(b"de") == 2
    settings = [channel.settings for channel in chip.channels[-2:]]
    assert [each["write"] for each in settings] == [0x50200010, 0x50200014]
    assert [each["ctrl"]["treq_sel"] for each in settings] == [0, 1]
    assert chip.machines[0].on and chip.machines[1].on and not hasattr(plain, "busy")
    board.stop()
    assert not chip.machines[0].on and not chip.machines[1].on
