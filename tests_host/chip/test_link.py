"""The chip's side of the link, and time on the simulated chip."""

from __future__ import annotations

import struct

import pytest

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
    adcstream.start(range(14), 4800, 48, lambda samples, frames: None)
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
    adcstream.start(range(14), 4800, 48, on_block)
    asyncio.create_task(busy())
    await asyncio.sleep_ms(2000)
    for i, block in enumerate(blocks):
        assert block == (10 * (i + 1), 0, 48 * i % 4096, 672, 48), (i, block)
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
            rows.append(struct.pack("<14H", frame & 0xFFF, made[frame], *[7] * 12))
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
        frames_seen.append(samples[14 * n])
        last.append(samples[14 * n + 1])
async def main():
    adcstream.start(range(14), 4800, 48, on_block)
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


def test_an_hour_of_asyncio_is_exact() -> None:
    twin = run(
        """
import asyncio, time
ticks = [0, 0]
async def every(i, ms):
    due = time.ticks_ms()
    while True:
        due = time.ticks_add(due, ms)
        await asyncio.sleep_ms(time.ticks_diff(due, time.ticks_ms()))
        ticks[i] += 1
async def main():
    asyncio.create_task(every(0, 70))
    asyncio.create_task(every(1, 900))
    await asyncio.sleep(3600)
    print(ticks, time.ticks_ms(), time.time())
asyncio.run(main())
""",
        quit_us=3_700_000_000,
        horizon_us=100_000_000,
        codes=lambda first, count: b"",
        rtc_min=3_600_000,
    )
    epoch = (26_297_280 + 3_600_000) * 60 + 3600
    assert twin.stdout == f"[51428, 3999] 3600000 {epoch}\n" or twin.stdout == (
        f"[51428, 4000] 3600000 {epoch}\n"
    )


def test_same_run_twice_is_the_same_to_the_byte() -> None:
    script = (
        BLOCKS
        + """
import asyncio
from machine import Pin
pin = Pin(2, Pin.OUT)
async def main():
    adcstream.start(range(14), 4800, 48, on_block)
    for i in range(40):
        await asyncio.sleep_ms(7 + i)
        pin.toggle()
asyncio.run(main())
"""
    )
    first, second = run(script), run(script)
    assert first.messages == second.messages


def test_blocking_sleep_passes_time_and_interrupts() -> None:
    twin = run(
        BLOCKS
        + """
import time
adcstream.start(range(14), 4800, 48, on_block)
time.sleep_ms(35)
print(len(blocks), hostlink.now_ms())
time.sleep_us(1500)
time.sleep(0.5)
print(len(blocks), hostlink.now_ms(), hostlink.now_us % 1000)
"""
    )
    assert twin.stdout == "3 35\n53 536 500\n"


def test_timers() -> None:
    twin = run("""
import asyncio, hostlink
from machine import Timer
hits = []
periodic = Timer(period=33, callback=lambda t: hits.append(hostlink.now_ms()))
once = Timer(-1)
once.init(mode=Timer.ONE_SHOT, period=50, callback=lambda t: hits.append(-hostlink.now_ms()))
fast = Timer(mode=Timer.ONE_SHOT, freq=400, callback=lambda t: hits.append(hostlink.now_us))
def broken(t):
    raise ValueError("oops")
Timer(mode=Timer.ONE_SHOT, period=60, callback=broken)
async def main():
    await asyncio.sleep_ms(140)
    periodic.deinit()
    await asyncio.sleep_ms(100)
    print(hits)
asyncio.run(main())
""")
    assert twin.stdout == "[2500, 33, -50, 66, 99, 132]\n"
    logs = [p for m in twin.messages for p in m.all(8)]
    assert logs == [b"timer callback: ValueError: oops"]


def test_watchdog_ends_the_process_with_75() -> None:
    twin = StubTwin(quit_us=9_000_000).run("""
import asyncio
from machine import WDT
async def main():
    dog = WDT(timeout=500)
    for i in range(4):
        await asyncio.sleep_ms(400)
        dog.feed()
    while True:
        await asyncio.sleep_ms(1)
asyncio.run(main())
""")
    assert twin.code == 75
    assert twin.messages[-1].t_us == 2_100_000
    dog = [struct.unpack("<I", p)[0] for m in twin.messages for p in m.all(9)]
    assert dog == [500, 0, 0, 0, 0]


def test_watchdog_bites_a_task_that_hangs() -> None:
    twin = StubTwin(quit_us=9_000_000).run("""
import time
from machine import WDT
WDT(timeout=1000)
while True:
    time.sleep_ms(1)
""")
    assert twin.code == 75
    assert twin.messages[-1].t_us == 1_000_000


def test_reset_ends_with_76_and_the_cause_is_told() -> None:
    twin = StubTwin().run("import machine; print(machine.reset_cause()); machine.reset()")
    assert (twin.code, twin.stdout) == (76, "1\n")
    after = {"ISLET_RESET_CAUSE": "watchdog"}
    twin = run("import machine; print(machine.reset_cause())", env=after)
    assert twin.stdout == "3\n"
    assert twin.messages[-1].why == 9  # goodbye


def test_a_failing_sampling_interrupt_stops_as_on_the_chip() -> None:
    twin = run("""
import time, adcstream
count = 0
def on_block(samples, frames):
    global count
    count += 1
    if count == 3:
        raise IndexError("guard")
adcstream.start(range(14), 4800, 48, on_block)
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
adcstream.start(range(14), 4800, 48, on_block)
time.sleep_ms(400)
print([block[0] for block in blocks])
""",
        codes=lambda first, count: b"" if 480 <= first < 960 else bytes(28 * count),
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


@pytest.mark.parametrize("ms", [90, 100, 110, 250])
def test_time_crosses_the_moving_origin_unnoticed(ms: int) -> None:
    """Inner times count from an origin that moves every 500 s: nothing may show there."""
    twin = run(
        f"""
import asyncio, time, hostlink
from machine import Timer
hits = []
Timer(period=250_000, callback=lambda t: hits.append(hostlink.now_ms()))
async def main():
    for i in range(20):
        await asyncio.sleep(100)
        await asyncio.sleep_ms({ms})
    print(hostlink.now_ms(), hits, time.ticks_ms())
asyncio.run(main())
""",
        quit_us=2_100_000_000,
        horizon_us=10_000_000,
        codes=lambda first, count: b"",
    )
    end = 20 * (100_000 + ms)
    hits = list(range(250_000, end + 1, 250_000))
    assert twin.stdout == f"{end} {hits} {end}\n"
