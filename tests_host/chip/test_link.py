"""The chip's side of the link, and time on the simulated chip."""

from __future__ import annotations

import struct

from tests_host.chip.stub_twin import Message, StubTwin

BLOCKS = """
import hostlink, adcstream
blocks = []
def on_block(samples, frames):
    blocks.append((hostlink.now_ms(), hostlink.now_us % 1000, samples[0], len(samples), frames))
"""


def run(script: str, **options) -> StubTwin:
    twin = StubTwin(**options).run(script)
    assert twin.code == 0, twin.stderr
    return twin


def test_messages_follow_the_protocol() -> None:
    """Header, order of items, why, next frame, at start, at each block's end and at an edge."""
    twin = run(
        """
import asyncio, adcstream, hostlink
from machine import Pin, PWM
pin = Pin(2, Pin.OUT, value=0)
pwm = PWM(Pin(7), freq=1000, duty_u16=65535)
async def main():
    adcstream.start(range(19), 4800, 48, lambda samples, frames: None)
    await asyncio.sleep_ms(133)
    pin.on()
    pwm.duty_u16(17476)
    hostlink.log("µ-log")
    pin.on()          # no change, no event
    await asyncio.sleep(9)
asyncio.run(main())
""",
        quit_us=400_000,
    )
    seen = [(m.t_us, m.why, m.next_frame) for m in twin.messages]
    assert seen == [
        (0, 0, 0),
        (0, 2, 0),
        (100_000, 1, 480),
        (133_000, 2, 624),
        (200_000, 1, 960),
        (300_000, 1, 1440),
        (400_000, 1, 1920),
    ]
    first, edge = twin.messages[1], twin.messages[3]
    assert first.items == [
        (2, struct.pack("<BIH", 7, 1000, 65535)),
        (1, struct.pack("<II", 1 << 2, 0)),
    ]
    assert edge.items == [
        (2, struct.pack("<BIH", 7, 1000, 17476)),
        (8, "µ-log".encode()),
        (1, struct.pack("<II", 1 << 2, 1 << 2)),
    ]


def test_sampling_interrupt_comes_every_10_ms_under_a_busy_task() -> None:
    twin = run(
        BLOCKS
        + """
import asyncio
turns = 0
async def busy():
    global turns
    while True:
        await asyncio.sleep_ms(1)
        turns += 1
async def main():
    adcstream.start(range(19), 4800, 48, on_block)
    asyncio.create_task(busy())
    await asyncio.sleep_ms(2000)
    for i, block in enumerate(blocks):
        assert block == (10 * (i + 1), 0, 48 * i % 4096, 912, 48), (i, block)
    print(len(blocks), turns)
asyncio.run(main())
""",
        quit_us=3_000_000,
    )
    assert twin.stdout == "200 2000\n" or twin.stdout == "200 1999\n"


def test_samples_come_complete_and_in_order_when_edges_cut_the_prediction() -> None:
    """Output edges at odd moments: the frames of a cut prediction are replaced, none is lost."""

    def codes(first: int, count: int) -> bytes:
        # channel 1 tells how often the frame was predicted before it came true
        rows = []
        for frame in range(first, first + count):
            made[frame] = made.get(frame, 0) + 1
            rows.append(struct.pack("<19H", frame & 0xFFF, made[frame], *[7] * 17))
        return b"".join(rows)

    made: dict[int, int] = {}
    twin = run(
        """
import asyncio, adcstream
from machine import Pin
pin = Pin(4, Pin.OUT)
frames_seen = []
last = []
def on_block(samples, frames):
    for n in range(frames):
        frames_seen.append(samples[19 * n])
        last.append(samples[19 * n + 1])
async def main():
    adcstream.start(range(19), 4800, 48, on_block)
    for ms in (3, 4, 13, 10, 55, 15, 77, 1):
        await asyncio.sleep_ms(ms)
        pin.toggle()
    await asyncio.sleep_ms(122)
    assert frames_seen == [n & 0xFFF for n in range(len(frames_seen))]
    print(len(frames_seen), max(last), last[0], last[-1])
asyncio.run(main())
""",
        quit_us=1_000_000,
        codes=codes,
    )
    count, most, _, final = map(int, twin.stdout.split())
    assert count == 1440
    assert most > 2  # later predictions did replace earlier ones
    assert final == 1


def test_an_edge_voids_what_was_predicted_beyond_it() -> None:
    """A contact predicted to open at 80 ms must not open once an output changed at 50 ms."""

    def react(twin: StubTwin, message: Message) -> None:
        if message.why == 2 and message.t_us == 50_000:
            twin.coming.clear()
            twin.edge(91_250, 12, 1)

    twin = StubTwin(quit_us=200_000, react=react)
    twin.edge(40_007, 10, 1)
    twin.edge(80_000, 11, 1)
    twin.run("""
import asyncio, hostlink
from machine import Pin
out = Pin(2, Pin.OUT, value=0)
def seen(pin):
    print(pin.number, pin.value(), hostlink.now_ms(), hostlink.now_us % 1000)
contacts = [Pin(n, Pin.IN, Pin.PULL_DOWN) for n in (10, 11, 12)]
for contact in contacts:
    contact.irq(seen)
async def main():
    await asyncio.sleep_ms(50)
    out.on()
    await asyncio.sleep(9)
asyncio.run(main())
""")
    assert twin.stdout == "10 1 40 7\n12 1 91 250\n", twin.stderr


def test_same_run_twice_is_the_same_to_the_byte() -> None:
    script = (
        BLOCKS
        + """
import asyncio
from machine import Pin
pin = Pin(2, Pin.OUT)
async def main():
    adcstream.start(range(19), 4800, 48, on_block)
    for i in range(40):
        await asyncio.sleep_ms(7 + i)
        pin.toggle()
asyncio.run(main())
"""
    )
    first, second = run(script), run(script)
    assert first.messages == second.messages


def test_a_failing_sampling_interrupt_stops_as_on_the_chip() -> None:
    twin = run("""
import time, adcstream
count = 0
def on_block(samples, frames):
    global count
    count += 1
    if count == 3:
        raise IndexError("guard")
adcstream.start(range(19), 4800, 48, on_block)
time.sleep_ms(200)
print(count)
""")
    assert twin.stdout == "3\n"
    assert b"sampling interrupt: IndexError: guard" in [p for m in twin.messages for p in m.all(8)]


def test_no_interrupt_when_samples_stop() -> None:
    """A converter that stands still gives no block: ages grow, nothing else happens."""
    twin = run(
        BLOCKS
        + """
import time
adcstream.start(range(19), 4800, 48, on_block)
time.sleep_ms(400)
print([block[0] for block in blocks])
""",
        codes=lambda first, count: b"" if 480 <= first < 960 else bytes(38 * count),
    )
    assert twin.stdout == str([*range(10, 101, 10), *range(210, 401, 10)]) + "\n"


def test_a_busy_loop_is_told() -> None:
    twin = StubTwin().run("""
import asyncio
async def main():
    while True:
        await asyncio.sleep_ms(0)
asyncio.run(main())
""")
    assert twin.code == 1
    assert "busy loop" in twin.stdout + twin.stderr


def test_an_interrupt_may_not_wait() -> None:
    twin = run("""
import time
from machine import Timer
Timer(mode=Timer.ONE_SHOT, period=5, callback=lambda t: time.sleep_ms(1))
time.sleep_ms(20)
""")
    assert b"timer callback: RuntimeError: an interrupt handler cannot wait" in [
        p for m in twin.messages for p in m.all(8)
    ]


def test_an_interrupt_wakes_a_task_at_once() -> None:
    """ThreadSafeFlag is how an interrupt reaches asyncio; no time passes in between."""
    twin = run("""
import asyncio, hostlink
from machine import Timer
flag = asyncio.ThreadSafeFlag()
Timer(mode=Timer.ONE_SHOT, period=7, callback=lambda t: flag.set())
async def main():
    await flag.wait()
    print(hostlink.now_ms(), hostlink.now_us % 1000)
asyncio.run(main())
""")
    assert twin.stdout == "7 0\n"


def test_image_is_recorded_with_the_next_message() -> None:
    twin = run("""
import asyncio, hostlink
from firmware.image import Image
image = Image()
async def main():
    for step in range(3):
        await asyncio.sleep_ms(100)
        image.commands[0] = step
        hostlink.record(image, 100)
asyncio.run(main())
""")
    packs = [m.items for m in twin.messages if m.all(7)]
    assert [[(tag, p[0]) for tag, p in items] for items in packs] == [
        [(7, 0), (7, 1), (7, 2), (7, 3), (7, 4), (10, 100)],
        [(7, 1), (7, 2), (7, 3), (7, 4), (10, 100)],
        [(7, 1), (7, 2), (7, 3), (7, 4), (10, 100)],
    ]
    assert [struct.unpack_from("<i", items[-3][1], 1)[0] for items in packs] == [0, 1, 2]


def test_twin_that_goes_away_ends_the_chip() -> None:
    twin = StubTwin()

    def quit_(twin: StubTwin, message: Message) -> None:
        if message.t_us >= 300_000:
            raise BrokenPipeError

    twin.react = quit_
    twin.run("import time; time.sleep(100)")
    assert twin.code == 70


def test_without_a_twin_it_says_so() -> None:
    twin = StubTwin(env={"ISLET_LINK_IN": ""}).run("import machine")
    assert twin.code == 1
    assert "ISLET_LINK_IN" in twin.stdout + twin.stderr


START = """
import hostlink
from machine import Pin, PWM
"""


def test_the_first_levels_outlive_a_second_message_at_the_same_moment() -> None:
    """Nobody takes back how it is now; only what may come is void with the next message."""
    twin = run(
        START
        + """
first = Pin(14, Pin.IN).value()
PWM(Pin(7), freq=1000, duty_u16=65535)
hostlink.exchange()
hostlink.exchange()
import time
time.sleep_ms(1)
print(first, Pin(14, Pin.IN).value(), Pin(15, Pin.IN).value())
""",
        at_once=[(2, struct.pack("<IHBB", 0, 0, 14, 1))],
    )
    assert twin.stdout == "1 1 0\n"


def test_an_edge_due_now_is_had_though_a_message_goes_out_before_it_fires() -> None:
    """The first of two edges at one moment sends a message from within its interrupt."""
    script = (
        START
        + """
import time
def on_edge(pin):
    hostlink.exchange()
Pin(14, Pin.IN).irq(on_edge)
time.sleep_ms(20)
print(Pin(14, Pin.IN).value(), Pin(15, Pin.IN).value())
"""
    )
    twin = StubTwin()
    twin.edge(13_000, 14, 1)
    twin.edge(13_000, 15, 1)
    assert twin.run(script).code == 0, twin.stderr
    assert twin.stdout == "1 1\n"
