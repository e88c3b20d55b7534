"""Time, timers and the watchdog of the simulated chip."""

from __future__ import annotations

import struct

import pytest

from tests_host.chip.stub_twin import StubTwin
from tests_host.chip.test_link import BLOCKS, run


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


def test_blocking_sleep_passes_time_and_interrupts() -> None:
    twin = run(
        BLOCKS
        + """
import time
adcstream.start(range(19), 4800, 48, on_block)
time.sleep_ms(35)
print(len(blocks), hostlink.now_ms())
time.sleep_us(1500)
time.sleep(0.5)
print(len(blocks), hostlink.now_ms(), hostlink.now_us % 1000)
"""
    )
    assert twin.stdout == "3 35\n53 536 500\n"


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


LIVE = """
import hostlink
from machine import Timer
class Wall:
    us = 0
    def time_ns(self):
        self.us += 700          # so long does each look at the clock take
        return self.us * 1000
wall = Wall()
hostlink.utime = wall
hostlink._wall_us = 0
hits = []
Timer(period=10, callback=lambda t: hits.append((hostlink.now_ms(), wall.us)))
class Ready:
    files = None
    def ready(self):
        return True
due = hostlink.due_after(900_000)
turns = 0
while hostlink.now_ms() < 800:
    hostlink.run(due, Ready())
    turns += 1
    wall.us += {work_us}
late = [wall_us - 1000 * ms for ms, wall_us in hits]
print([ms for ms, _ in hits] == list(range(10, 801, 10)), max(late), turns > 50)
"""


@pytest.mark.parametrize("work_us", [500, 4_000, 12_000])
def test_in_real_time_interrupts_come_though_a_socket_is_always_ready(work_us: int) -> None:
    """Time that has passed is passed alarm by alarm before anybody is served: an interrupt is as
    late as one turn of the loop takes, however many clients ask back to back."""
    script = LIVE.format(work_us=work_us)
    twin = run(script, quit_us=2_000_000, env={"ISLET_SPEED": "1"})
    in_order, late_us, many = twin.stdout.split()
    assert (in_order, many) == ("True", "True")
    assert int(late_us) <= work_us + 20_000


def test_what_the_pc_is_late_the_house_stands_still() -> None:
    """A turn of the loop that takes two seconds of the wall clock takes 20 ms of the house's, and
    the interpreter's own clock is the house's."""
    script = LIVE.format(work_us=2_000_000) + "import time\nprint(time.ticks_ms())"
    twin = run(script, quit_us=2_000_000, env={"ISLET_SPEED": "1"})
    in_order, _, turns, ticks_ms = twin.stdout.split()
    assert in_order == "True" and turns == "False", "20 ms a turn"
    assert 800 <= int(ticks_ms) <= 830
