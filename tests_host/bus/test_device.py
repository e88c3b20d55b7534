"""The same modules under MicroPython: same line, same devices, same result as on CPython."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from firmware import image as im
from tests_host.bus.house import House, profile
from tests_host.bus.wire import Devices, SunSpecDevice, meter_device, run, set_meter
from tests_host.fields import INVERTER
from tools.image import folded

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).parent / "device" / "exchange.py"


def exchange(micropython: Path, seconds: int) -> tuple[dict[str, Any], SunSpecDevice]:
    """Let the device script talk to pymodbus; its result and the inverter it talked to."""
    sunspec = SunSpecDevice(2)
    devices = Devices(meter_device(1), sunspec.device)
    sunspec.live_in(devices)
    ms = 0
    sunspec.seconds = lambda: ms // 1000
    meter = devices.registers(1)
    env = {**os.environ, "MICROPYPATH": folded.path()}
    with subprocess.Popen(
        [str(micropython), "-X", "heapsize=256k", str(SCRIPT)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        print(profile().hex(), seconds, file=process.stdin, flush=True)
        for line in process.stdout:
            if line.startswith("="):
                return json.loads(line[1:]), sunspec
            when, request = line.split()
            ms = int(when)
            set_meter(meter, [10, 5, 0], [2200, -1100, 0], 230 + ms % 100 / 1000)
            answers = devices(bytes.fromhex(request))
            reply = f"{answers[0][0] * 1e6:.0f} {answers[0][1].hex()}" if answers else "-"
            print(reply, file=process.stdin, flush=True)
    raise AssertionError("the script ended without a result")


def test_micropython_reads_and_commands_like_cpython(micropython: Path) -> None:
    device, sunspec = exchange(micropython, 20)
    assert sunspec.get(704, "WSet") == -2500 and sunspec.get(715, "OpCtl") == 1
    assert device["report"]["meter"]["state"] == device["report"]["inverter"]["state"] == "ok"
    assert min(device["live"][im.NODE_AGE_MS : im.NODE_AGE_MS + 2]) < 1000

    async def main() -> House:
        house = House()
        house.ask(1, -1000)
        await house.run(4)
        house.image.commands[im.SETPOINT + INVERTER] = 2500
        await house.run(16)
        return house

    host = run(main)
    assert host.sunspec.get(704, "WSet") == -2500
    for name, index, count, unit, *_ in im.READINGS.rows:
        if unit != "age":
            assert device["live"][index : index + count] == list(
                host.image.live[index : index + count]
            ), name
    assert device["live"][im.NODE_MA] == 10_000 and device["live"][im.NODE_MA + 1] == -5000
    assert (
        device["live"][im.DEVICE_W + INVERTER] == -1500
        and device["live"][im.DEVICE_SOC_PERMILLE + INVERTER] == 550
    )
    assert abs(device["requests"] - len(host.uart.sent)) < len(host.uart.sent) / 10


def test_a_poll_costs_little_heap_and_few_wakes(micropython: Path) -> None:
    """Measured: 670 bytes on the 32-bit interpreter, 16 wakes at 4 polls a second."""
    env = {**os.environ, "MICROPYPATH": folded.path()}
    done = subprocess.run(
        [str(micropython), "-X", "heapsize=4m", str(SCRIPT.parent / "cost.py")],
        input=f"{profile().hex()} 400\n", capture_output=True, text=True, env=env, cwd=ROOT,
        timeout=60, check=True,
    )  # fmt: skip
    used, wakes = map(float, done.stdout.split())
    assert used < 1500 and wakes < 25
