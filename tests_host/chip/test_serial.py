"""The simulated UART: byte timing both ways, FIFO wake-ups, idle interrupt."""

from __future__ import annotations

import os
import pty
import struct
import threading
import tty

from tests_host.chip.stub_twin import Message, StubTwin, at

OPEN = """
import asyncio, hostlink, time
from machine import UART, Pin
uart = UART(1, 19200, parity=0, tx=Pin(8), rx=Pin(9), rxbuf=64, txbuf=64)
def now():
    return hostlink.now_ms() * 1000 + hostlink.now_us % 1000
"""
CHAR_US = 573  # 11 bits at 19 200
SILENCE_US = CHAR_US * 7 // 2


def run(script: str, twin: StubTwin | None = None) -> StubTwin:
    twin = (twin or StubTwin(quit_us=300_000)).run(OPEN + script)
    assert twin.code == 0, twin.stderr
    return twin


def sent(twin: StubTwin) -> list[tuple[int, bytes]]:
    return [(m.t_us, p[1:]) for m in twin.messages for p in m.all(3)]


def test_flush_waits_for_the_line_and_the_twin_hears_of_a_frame_after_its_silence() -> None:
    twin = run("""
time.sleep_ms(5)
n = uart.write(b"12345678")
print(n, uart.txdone(), now())
uart.flush()
print(uart.txdone(), now())
time.sleep_ms(5)
""")
    assert twin.stdout == f"8 False 5000\nTrue {5000 + 8 * CHAR_US}\n"
    assert sent(twin) == [(5000 + 8 * CHAR_US + SILENCE_US, b"12345678")]
    assert [m.why for m in twin.messages if m.all(3)] == [3]


def test_without_silence_between_them_two_writes_are_one_frame() -> None:
    twin = run(
        'uart.write(b"abc"); uart.write(b"de"); uart.flush(); print(now()); time.sleep_ms(5)'
    )
    assert sent(twin) == [(5 * CHAR_US + SILENCE_US, b"abcde")]
    assert twin.stdout == f"{5 * CHAR_US}\n"


def test_a_full_buffer_takes_what_fits() -> None:
    twin = run("print(uart.write(bytes(200)), uart.write(b'x'))")
    assert twin.stdout == "96 None\n"


def test_characters_arrive_one_by_one() -> None:
    twin = StubTwin(quit_us=300_000)
    twin.serial(20_000, CHAR_US, bytes(range(10)))
    run(
        """
for us in (19_999, 1, 572, 1, 573 * 3, 573 * 5):
    time.sleep_us(us)
    print(uart.any(), end=" ")
buf = bytearray(20)
print(uart.readinto(buf), bytes(buf[:10]) == bytes(range(10)), uart.readinto(buf))
""",
        twin,
    )
    assert twin.stdout == "0 1 1 2 5 10 10 True None\n"


def test_a_waiting_task_is_woken_as_by_the_fifo() -> None:
    """After four characters, and when the line has been idle for 32 bits."""
    twin = StubTwin(quit_us=300_000)
    twin.serial(20_000, CHAR_US, b"abcdefghij")
    run(
        """
async def main():
    reader = asyncio.StreamReader(uart)
    while True:
        data = await reader.read(64)
        print(now(), data)
asyncio.run(main())
""",
        twin,
    )
    times = [int(line.split()[0]) for line in twin.stdout.splitlines()]
    texts = b"".join(eval(line.split()[1]) for line in twin.stdout.splitlines())
    assert texts == b"abcdefghij"
    assert times[0] == 20_000 + 3 * CHAR_US
    last = 20_000 + 9 * CHAR_US
    assert last <= times[-1] <= last + 1_720
    assert len(times) <= 5


def test_idle_interrupt_comes_once_per_frame() -> None:
    twin = StubTwin(quit_us=300_000)
    twin.serial(20_000, CHAR_US, b"abcdefghi")
    twin.serial(60_000, CHAR_US, b"k")
    run(
        """
hits = []
uart.irq(lambda u: hits.append((now(), u.any())), UART.IRQ_RXIDLE)
time.sleep_ms(90)
print(hits)
""",
        twin,
    )
    hits = eval(twin.stdout)
    assert [count for _, count in hits] == [9, 10]
    for (t, _), end in zip(hits, (20_000 + 8 * CHAR_US, 60_000), strict=True):
        assert 1_600 <= t - end <= 1_750


def test_an_answer_cut_by_an_edge_goes_on() -> None:
    """Characters before the edge have come, the rest is announced again; none twice."""
    twin = StubTwin(quit_us=300_000)
    twin.serial(20_000, CHAR_US, bytes(range(20)))
    run(
        """
pin = Pin(2, Pin.OUT)
for i in range(9):
    time.sleep_ms(3)
    pin.toggle()
time.sleep_ms(20)
print(uart.read() == bytes(range(20)))
""",
        twin,
    )
    assert twin.stdout == "True\n"


def test_the_receive_buffer_overflows_as_on_the_chip() -> None:
    twin = StubTwin(quit_us=300_000)
    twin.serial(10_000, CHAR_US, bytes(range(100)))
    run("time.sleep_ms(100); print(uart.any(), uart.read()[-1])", twin)
    assert twin.stdout == "64 63\n"


def test_read_waits_for_its_time_out() -> None:
    twin = StubTwin(quit_us=300_000)
    twin.serial(10_000, CHAR_US, b"ab")
    run(
        """
uart.init(timeout=20, timeout_char=3)
print(uart.read(5), now())
print(uart.read(5), now())
""",
        twin,
    )
    first, second = twin.stdout.splitlines()
    assert first.startswith("b'ab' ")
    assert 13_000 <= int(first.split()[1]) <= 14_000
    assert second == f"None {int(first.split()[1]) + 20_000}"


def test_request_and_answer_in_lockstep() -> None:
    """The answer is decided when the request's last bit has arrived, between two messages."""

    def react(twin: StubTwin, message: Message) -> None:
        for payload in message.all(3):
            end = message.t_us + (len(payload) - 1) * CHAR_US
            twin.serial(end + 4_000 + CHAR_US, CHAR_US, payload[:0:-1])

    twin = StubTwin(quit_us=300_000, react=react)
    run(
        """
async def main():
    for text in (b"one", b"three"):
        uart.write(text)
        await asyncio.sleep_ms(20)
        print(uart.read())
asyncio.run(main())
""",
        twin,
    )
    assert twin.stdout == "b'eno'\nb'eerht'\n"


def test_real_time_uses_the_real_line() -> None:
    """At SPEED=1 the UART is a pseudo-terminal; clock and samples are real."""
    master, slave = pty.openpty()
    tty.setraw(slave)

    def echo() -> None:
        os.write(master, os.read(master, 100)[::-1])

    thread = threading.Thread(target=echo)
    thread.start()
    twin = StubTwin(quit_us=250_000, env={"ISLET_SPEED": "1", "ISLET_PTY": os.ttyname(slave)}).run(
        OPEN
        + """
import adcstream
blocks = []
adcstream.start(range(19), 4800, 48, lambda s, f: blocks.append(s[0]))
async def main():
    uart.write(b"hallo")
    reader = asyncio.StreamReader(uart)
    data = b""
    while len(data) < 5:
        data += await reader.read(64)
    print(data)
    start = time.ticks_ms()
    await asyncio.sleep_ms(120)
    print(time.ticks_diff(time.ticks_ms(), start) >= 119)
    print(blocks == [48 * i for i in range(len(blocks))], len(blocks) >= 11)
    await asyncio.sleep(9)
asyncio.run(main())
"""
    )
    thread.join()
    os.close(master)
    os.close(slave)
    assert twin.stdout == "b'ollah'\nTrue\nTrue True\n", twin.stderr
    assert twin.code == 0
    assert [m.t_us for m in twin.messages][-1] == 250_000
    assert not sent(twin)


FRAME_US = 8 * CHAR_US + SILENCE_US  # of a request: then a device may act
ASK = f"""
def ask(at_us):
    time.sleep_us(at_us - now())
    uart.write(b"12345678")
    time.sleep_us({FRAME_US} + 4000 + {CHAR_US} * 4)
    early = uart.any()
    time.sleep_us({CHAR_US})
    print(early, uart.read(), end=" ")
"""


def copied(t_us: int, frame: bytes) -> tuple[int, bytes]:
    head = b"\x01" + at(t_us) + struct.pack("<HHB", 4_000, CHAR_US, 8)
    return 12, head + b"12345678" + frame


def asked_with(copies: dict[int, list[tuple[int, bytes]]], *at_us: int) -> StubTwin:
    """A chip that asks at these times, told of copies with the answers of given times."""
    twin = StubTwin(quit_us=500_000)
    twin.predict = lambda _, now, until: copies.get(now, [])
    return run(ASK + "".join(f"ask({t})\n" for t in at_us), twin)


def test_what_the_chip_has_a_copy_of_it_answers_itself() -> None:
    """With the copy of that very moment, when a device would; the twin does not hear of it."""
    last = 150_000 - FRAME_US - 1
    copies = {100_000: [copied(100_000, b"first"), copied(150_000, b"later")]}
    assert asked_with(copies, last).stdout == "4 b'first' "
    twin = asked_with(copies, last + 1)
    assert twin.stdout == "4 b'later' "
    assert not sent(twin)
    twin = asked_with(copies, 210_000)  # it stays, whatever else is foreseen
    assert (twin.stdout, sent(twin)) == ("4 b'later' ", [])


def test_a_copy_that_is_empty_or_still_to_come_or_taken_back_is_none() -> None:
    first = copied(100_000, b"first")
    for copies, at_us in (
        ({100_000: [copied(150_000, b"later")]}, 110_000),
        ({100_000: [first], 200_000: [copied(200_000, b"")]}, 210_000),
    ):
        assert sent(asked_with(copies, at_us)) == [(at_us + FRAME_US, b"12345678")]
    twin = asked_with({100_000: [first, copied(290_000, b"void")], 200_000: []}, 295_000)
    assert twin.stdout == "4 b'first' "


def test_what_was_said_before_a_copy_was_used_has_its_time() -> None:
    twin = StubTwin(quit_us=300_000)
    twin.predict = lambda _, now, until: [copied(now, b"first")] if now == 100_000 else []
    run(ASK + "time.sleep_ms(105)\nhostlink.log('a')\nask(110_000)\nhostlink.log('b')\n", twin)
    said = [(tag, payload) for m in twin.messages for tag, payload in m.items if tag in (8, 13)]
    assert said == [(8, b"a"), (13, at(110_000 + FRAME_US)), (8, b"b")]
