# islet: what devices that share a tree of circuits got of what a planner could have given them.
# GPL-3.0-or-later
"""Houses of device/shares.py in the interpreter, in an image with six rows of devices, beside the
planner's best. python -m tests_host.core.shares FIRST-LAST SECONDS prints every house."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests_host.core.planner import Device, Tree, best
from tools.image import fold
from tools.workshop import CACHE, ROOT

SCRIPT = ROOT / "tests_host/core/device/shares.py"
MICROPYTHON = CACHE / "bin" / "micropython"
STEP_MS = 100
RULES = ("islet", "plain")


@dataclass
class House:
    """mA steps, each device's with the number of its legs."""

    seed: int
    best: float
    got: dict[str, float]
    breaches: dict[str, int]  # steps over a limit for longer than INV-3 gives
    grown: dict[str, int]  # times over a limit by islet's own growth

    def share(self, rule: str) -> float:
        return self.got[rule] / self.best if self.best else 1.0


def _program(seeds: str, rule: str, seconds: int) -> list[str]:
    folder = CACHE / "folded_six"
    fold.tree(ROOT / "firmware", folder / "firmware", keep=True, rows={"DEVICES": 6})
    path = os.pathsep.join([str(folder), str(CACHE / "data"), ".frozen"])
    command = [str(MICROPYTHON), "-X", "heapsize=16m", str(SCRIPT), seeds, rule, str(seconds)]
    done = subprocess.run(
        command, env={**os.environ, "MICROPYPATH": path}, cwd=folder, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def houses(first: int, last: int, seconds: int) -> Iterator[House]:
    lines = {rule: iter(_program(f"{first}-{last}", rule, seconds)) for rule in RULES}
    for seed in range(first, last + 1):
        words = {rule: next(lines[rule]).split() for rule in RULES}
        what = ast.literal_eval(next(lines["islet"]).split(" ", 1)[1])
        when = ast.literal_eval(next(lines["islet"]).split(" ", 1)[1])
        tree = Tree(what[0], what[1], [Device(*row) for row in what[2]])
        legs = [len(device.legs) for device in tree.devices]
        got = {
            rule: float(sum(n * int(ma) for n, ma in zip(legs, words[rule][5:], strict=True)))
            for rule in RULES
        }
        yield House(
            seed,
            _planned(tree, when, seconds),
            got,
            {rule: int(words[rule][3]) for rule in RULES},
            {rule: int(words[rule][4]) for rule in RULES},
        )


Event = tuple[int, list[int], list[int]]  # ms, what others draw at each place, wishes


def _planned(tree: Tree, events: list[Event], seconds: int) -> float:
    """What the planner's devices get: it tells them its best in the step in which a load or wish
    changes, and they follow as islet's do."""
    devices = tree.devices
    ma = [0.0] * len(devices)
    told = [0.0] * len(devices)
    orders: list[list[float]] = [[0.0] * (d.response_ms // STEP_MS) for d in devices]
    wishes: list[int] = []
    total = 0.0
    waiting = list(events)
    for step in range(seconds * 1000 // STEP_MS):
        if waiting and waiting[0][0] <= step * STEP_MS:
            _, foreign, wishes = waiting.pop(0)
            given = best(tree, foreign, wishes)
            told = [
                amount if wish >= 0 else -amount
                for amount, wish in zip(given, wishes, strict=True)
            ]
        for d, device in enumerate(devices):
            orders[d].append(told[d])
            goal = orders[d].pop(0)
            rises = device.offers and goal > ma[d] + device.rise_ma
            ma[d] = ma[d] + device.rise_ma if rises else goal
            towards = ma[d] if wishes[d] > 0 else -ma[d]
            total += len(device.legs) * max(0.0, min(towards, abs(wishes[d])))
    return total


def main() -> None:
    first, _, last = sys.argv[1].partition("-")
    seen = []
    for house in houses(int(first), int(last or first), int(sys.argv[2])):
        seen.append(house)
        shares = " ".join(f"{rule} {house.share(rule):.3f}" for rule in RULES)
        print(house.seed, shares, house.breaches, house.grown, flush=True)
    total = sum(house.best for house in seen)
    for rule in RULES:
        share = sum(house.got[rule] for house in seen) / total
        faults = sum(house.breaches[rule] > 0 for house in seen)
        grown = sum(house.grown[rule] > 0 for house in seen)
        print(f"{rule}: {share:.4f}, late in {faults}, grown in {grown} of {len(seen)} houses")


if __name__ == "__main__":
    main()
