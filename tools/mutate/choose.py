# islet: which of all mistakes are planted, the same for the same seed.
# GPL-3.0-or-later
from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from tools.mutate.operators import OPERATORS, Mistake, mistakes
from tools.workshop import ROOT

# room, its share: what stands between a mistake and a person or a cable has more
SHARES = (
    ("guard", 40), ("core/limits", 36), ("core/grid", 36), ("core/panel", 16),
    ("core/vehicle", 16), ("base", 8), ("policy", 12), ("people", 12), ("bus", 8),
    ("drivers", 10), ("sense", 12), ("ledger", 10), ("config", 12), ("net", 8),
)  # fmt: skip


@cache
def every(room: str) -> list[Mistake]:
    """All there could be in a room."""
    folder = ROOT / "firmware" / room
    found: list[Mistake] = []
    for path in sorted(folder.glob("*.py")):
        found += mistakes(path.relative_to(ROOT).as_posix(), room, path.read_text())
    return found


def chosen(rooms: list[str], number: int, seed: int) -> list[Mistake]:
    """By the rooms' shares, and of each operator as many as there are, in turn."""
    shares = {room: share for room, share in SHARES if room in rooms}
    whole = sum(shares.values())
    found: list[Mistake] = []
    for room, share in shares.items():
        draw = random.Random(f"{seed} {room}")
        piles = {name: [m for m in every(room) if m.operator == name] for name in OPERATORS}
        for pile in piles.values():
            draw.shuffle(pile)
        wanted = max(1, round(number * share / whole))
        while wanted and any(piles.values()):
            for pile in piles.values():
                if pile and wanted:
                    found.append(pile.pop())
                    wanted -= 1
    return found


def named(names: list[str]) -> list[Mistake]:
    """By their names, wherever they are."""
    there = {m.name: m for room, _ in SHARES for m in every(room)}
    return [there[name] for name in names if name in there]


def rooms_of(word: str) -> list[str]:
    """`core` is all of its rooms; none is every room."""
    return [r for r, _ in SHARES if not word or r == word or Path(word) in Path(r).parents]
