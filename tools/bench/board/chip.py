# islet: load, memory, time of a step, and the way out of a reset, on the emulated board.
# GPL-3.0-or-later
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.board import latency, rig
from tools.bench.table import Figure
from tools.image import build, rooms
from tools.image.images import EIGHT, REFERENCE, Image
from tools.image.layout import SMALL

BLOCK_BYTES = 16  # of MicroPython's heap
CHARGING_A = 10
DEVICE = rig.HERE / "device"
NO_SOCKET, BROKER = DEVICE / "no_socket.py", DEVICE / "broker.py"
STEP = rig.HERE.parent / "device" / "step.py"
STEP_DEVICES = ((REFERENCE, (1, 2, 4)), (EIGHT, (6, 8)))
STEP_CASES = [(many, nodes) for many in (1, 2, 4, 6, 8) for nodes in (3, 10, 32)]
STEP_BOUNDS = {(1, 10): 4, (4, 10): 6, (4, 32): 8, (6, 10): 10, (2, 32): 25}  # ms
WHEN = {"step": "", "all": ", all changed"}  # step.py's change()
WORST_CASES = [(1, 10), (2, 10), (4, 10), (4, 32)]
PROFILED = (2, 10)
PUBLISHED = (  # as publish.py measures it
    "state and limits published, longest slice",
    "the same, every fault and trip standing",
)


def program(setup: Path, name: str, ms: int) -> dict[str, Any]:
    (line,) = rig.lines("program.mjs", setup, name, ms, CHARGING_A)
    return line


def load(folder: Path, seconds: int) -> Iterator[Figure]:
    (folder / "load").mkdir()
    sampling = rig.setup(folder / "load", [DEVICE / "sampling.py"])
    found = program(sampling, "sampling", 1000 * seconds)
    method = f"share of time the processor was not asleep, {seconds} s"
    text = f"{100 * found['load']:.1f} %"
    yield Figure("sampling, three channels of 5.2 kS/s with RMS", text, "≤ 15 %", "", method)
    (folder / "real").mkdir()
    real = rig.setup(folder / "real", [], held=False)
    found = program(real, "-", 1000 * seconds)
    text = f"{100 * found['load']:.1f} %"
    (folder / "plain").mkdir()
    plain = rig.setup(folder / "plain", latency.rivals(), site=None)
    rival = f"plain loop: {100 * program(plain, 'plain_calm', 1000 * seconds)['load']:.0f} %"
    yield Figure("everything, as delivered", text, "≤ 25 %", rival, method)


def step(folder: Path, steps: int) -> Iterator[Figure]:
    """By devices and nodes, each in the image with the fewest rows for them; and its parts."""
    method = f"mean of {steps} steps, frozen, heap locked: an allocation would raise"
    for image, devices in STEP_DEVICES:
        cases = [case for case in STEP_CASES if case[0] in devices]
        calls = [f"measure({nodes}, {many}, {steps})" for many, nodes in cases]
        worst = WORST_CASES if image is REFERENCE else []
        if worst:
            profiled = f"profile({PROFILED[1]}, {PROFILED[0]}, {steps})"
            calls += [profiled, "change()", profiled]
            calls += [f"measure({nodes}, {many}, {steps})" for many, nodes in worst]
        text = stepped(folder / image.name, image, calls)
        rows = f"{image.rows['DEVICES']} devices"
        for kind, case in [
            *(("step", case) for case in cases),
            *(("all", case) for case in worst),
        ]:
            many, nodes = case
            found = re.search(rf"^{kind} {nodes} {many} (\S+) (\S+) 1 (\d) ", text, re.MULTILINE)
            if not found:
                raise rig.BoardBenchError(f"step.py: {many} devices, {nodes} nodes: {text[-500:]}")
            value = f"{float(found[1]) / 1000:.1f} ms, {float(found[2]):.0f} B"
            most_ms = STEP_BOUNDS.get((many, nodes))
            bound = f"≤ {most_ms} ms, 0 B" if most_ms else "0 B"
            doing = "all at work" if found[3] == "1" else "not all at work"
            what = f"core.step(), {many} devices, {nodes} nodes{WHEN[kind]}"
            yield Figure(what, value, bound, "", f"{method}; {doing}; rows for {rows}")
        for kind, name, part_us in re.findall(r"^(\w+) part (\w+) (\S+)", text, re.MULTILINE):
            what = f"{name}, of {PROFILED[0]} devices and {PROFILED[1]} nodes{WHEN[kind]}"
            yield Figure(what, f"{float(part_us) / 1000:.2f} ms", "", "", f"mean of {steps} steps")


def stepped(folder: Path, image: Image, calls: list[str]) -> str:
    """What calls of step.py's functions print, in an image that is brought up to date first."""
    if image is not REFERENCE:
        with build.only_one(image):
            build.build(image, image.circuit)
    folder.mkdir()
    main = folder / "steps.py"
    body = STEP.read_text().split("\nfor argument in sys.argv", 1)[0]
    main.write_text("\n".join([body, "", "print('running')", *calls, "print('done')", ""]))
    setup = rig.setup(folder, [main, STEP.with_name("house.py")], image=image)
    text: str = program(setup, "steps", 600_000)["text"]
    return text


def heaps(text: str) -> list[tuple[int, int]]:
    """(free bytes, largest free block) of each probe."""
    found = re.findall(r"heap (\d+) \d+.*?max free sz: (\d+)", text.replace("\r", ""), re.DOTALL)
    return [(int(free), BLOCK_BYTES * int(blocks)) for free, blocks in found]


def largest(site: Path, target: Path) -> Path:
    """The same site with all rows that a chip's image has: 32 circuits, 4 devices."""
    told = json.loads(site.read_text(encoding="utf-8"))
    for number in range(len(told["nodes"]), SMALL["NODES"]):
        told["nodes"].append({"name": f"circuit{number}", "parent": "service", "rating_a": 16})
    for number in range(1, SMALL["DEVICES"]):
        name, node = f"battery{number}", told["nodes"][-number]
        told["devices"].append({
            "name": name, "kind": "converter", "node": node["name"], "legs": ["L1", "L2", "L3"],
            "behind": "battery", "charge_w": 3000, "discharge_w": 3000, "response_s": 2,
            "revert_s": 10, "line": "bus", "address": 1 + number, "base": 40000,
        })  # fmt: skip
        node["instrument"] = name
    target.write_text(json.dumps(told), encoding="utf-8")
    return target


def probed(
    folder: Path, site: Path, minutes: int, socket: Path = NO_SOCKET
) -> list[tuple[int, int]]:
    """(free, largest free block) once a minute."""
    folder.mkdir()
    setup = rig.setup(folder, [DEVICE / "memory.py", socket], site=site)
    found = program(setup, "memory", 60_000 * minutes + 13_000)
    probes = heaps(found["text"])
    if not probes or "configuration:" in found["text"]:
        raise rig.BoardBenchError(f"no probe of the heap: {found['text'][-500:]}")
    return probes


def memory(folder: Path, minutes: int) -> Iterator[Figure]:
    site = rig.HERE / "site_network.json"
    probes = probed(folder / "memory", site, minutes)
    method = "all rooms, the network's over a stub named socket; collected, then asked"
    free, block = probes[-1]
    bound = f"≥ {rooms.memory()['heap']['free'] // 1000} kB"
    yield Figure("free heap", f"{free / 1000:.1f} kB", bound, "", method)
    yield Figure("largest free block", f"{block / 1000:.0f} kB", "≥ 40 kB", "", method)
    most = largest(site, folder / "largest.json")
    for what, of, socket, least in (
        ("32 circuits and 4 devices", most, NO_SOCKET, "≥ 40 kB"),
        ("a broker takes the state", site, BROKER, ""),
        ("32 circuits, 4 devices, a broker takes the state", most, BROKER, ""),
    ):
        free, block = probed(folder / what, of, 0, socket)[-1]
        text = f"{free / 1000:.1f} kB, a block of {block / 1000:.0f}"
        yield Figure(f"free heap, {what}", text, least, "", method)
    if minutes:
        lost = probes[0][0] - probes[-1][0]
        text = f"{lost:+} B after {minutes} min"
        yield Figure("growth of what is kept", text, "none in 10 min", "", method)


def said(folder: Path, name: str, pattern: str) -> re.Match[str]:
    """What one of the device programs says of itself, run alone."""
    (folder / name).mkdir()
    setup = rig.setup(folder / name, [DEVICE / f"{name}.py"], site=None)
    text = program(setup, name, 10_000)["text"]
    found = re.search(pattern, text)
    if not found:
        raise rig.BoardBenchError(f"{name}: {text[-500:]}")
    return found


def records(folder: Path) -> Iterator[Figure]:
    found = said(folder, "records", r"erase (\d+)\s+program (\d+)\s+whole True refused True")
    value = f"{int(found[2]) / 1000:.2f} ms worst of 64"
    method = f"erasing a sector took {int(found[1]) / 1000:.0f} ms and is refused while energised"
    yield Figure("programming a record, interrupts off", value, "< 1 ms", "", method)


def documents(folder: Path) -> Iterator[Figure]:
    """How long one kB of JSON holds the loop."""
    found = said(folder, "strict_json", r"bytes (\d+)\s+strict (\d+)\s+builtin (\d+)")
    value = f"{int(found[2]) / 1000:.1f} ms worst of 10"
    rival = f"built-in parser, which takes 2,500 for 2: {int(found[3]) / 1000:.1f} ms"
    method = f"{found[1]} bytes of a configuration, checked, rewritten, parsed"
    yield Figure("strict JSON, 1 kB", value, "≤ 6 ms", rival, method)


def password(folder: Path) -> Iterator[Figure]:
    """The slow hash that the chip makes of what is typed at its console, and of the installer's
    key: its slices alone, and all of it beside everything else."""
    folder.mkdir(exist_ok=True)
    programs = [DEVICE / "slow_hash.py", NO_SOCKET]
    setup = rig.setup(folder, programs, site=rig.HERE / "site_network.json")
    text = program(setup, "slow_hash", 60_000)["text"]
    said_ms = r"without (\d+) (\d+)\s+beside (\d+) (\d+) (\d+)\s+"
    found = re.search(said_ms + r"alone (\d+) (\d+) (\d+)", text)
    if not found:
        raise rig.BoardBenchError(f"slow_hash: {text[-500:]}")
    loop_ms, control_ms, took_ms, late_ms, late_control_ms, *alone = map(int, found.groups())
    longest_us, whole_us, slices = alone
    value = f"{longest_us / 1000:.1f} ms of {slices}"
    method = f"{whole_us / 1e6:.2f} s in all; a car charges, others run between"
    yield Figure("a password's slow hash, longest slice", value, "≤ 20 ms", "", method)
    value = f"{took_ms / 1000:.2f} s, control {late_control_ms} ms late, the loop {late_ms}"
    method = f"without it control {control_ms} ms, the loop {loop_ms}, in 3 s"
    yield Figure("the same beside everything else", value, "≤ 20 ms late", "", method)


def publishing(folder: Path) -> Iterator[Figure]:
    """How long what is published holds the loop at most, slice by slice."""
    folder.mkdir(exist_ok=True)
    programs = [DEVICE / "publish.py", DEVICE / "slices.py", NO_SOCKET]
    setup = rig.setup(folder, programs, site=rig.HERE / "site_network.json")
    text = program(setup, "publish", 60_000)["text"]
    found = re.findall(r"longest (\d+) sum (\d+) slices (\d+) bytes (\d+)", text)
    if len(found) != len(PUBLISHED):
        raise rig.BoardBenchError(f"publish: {text[-500:]}")
    for what, numbers in zip(PUBLISHED, found, strict=True):
        longest, whole, slices, size = map(int, numbers)
        method = f"{slices} slices, {size} bytes, {whole / 1000:.0f} ms in all; least of 5 each"
        yield Figure(what, f"{longest / 1000:.1f} ms", "≤ 3 ms", "", method)


def quiet(folder: Path, minutes: int) -> Iterator[Figure]:
    (folder / "quiet").mkdir()
    setup = rig.setup(folder / "quiet", [], held=False)
    (line,) = rig.lines("quiet.mjs", setup, minutes)
    text = f"{line['dead_man_falls']} in {line['minutes']:g} min, {line['resets']} resets"
    method = f"everything on; {line['steps']} control steps"
    yield Figure("false actions of the dead-man", text, "none in 30 min", "", method)


def reset(folder: Path, times: int) -> Iterator[Figure]:
    early = 0
    most = largest(rig.SITE, folder / "reset.json")
    for name, site, records in (
        ("a new board", rig.SITE, b""),
        ("32 circuits, 4 devices, a full ledger", most, rig.full_records()),
    ):
        place = folder / ("full" if records else "new")
        place.mkdir()
        setup = rig.setup(place, [], site=site, held=False, records=records)
        starts = list(rig.lines("reset.mjs", setup, times))
        worst = max(start["control_ms"] for start in starts)
        early += sum(
            edge[1] == 1 and edge[2] < start["control_ms"] and edge[0] != "dead_man"
            for start in starts
            for edge in start["edges"]
        )
        method = f"{times} starts, by power and by RUN in the middle of operation"
        text = f"{worst:.0f} ms worst"
        yield Figure(f"power-up → control runs, {name}", text, "≤ 2 s", "", method)
    method = f"every pin's edges in {2 * times} starts"
    yield Figure("energising edges before that", str(early), "none", "", method)
