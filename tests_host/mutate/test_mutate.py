"""`make mutate`: which mistakes it knows, and that it tells a found one from one that survived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import reach
from tools.mutate import choose, report, run
from tools.mutate.operators import Mistake, mistakes
from tools.mutate.run import Copy, Verdict

TOY = """\
LATE_MS = const(20)
ROWS = (("a", 1), ("b", 2), ("c", 3))


def late(age_ms, limit_ms):
    over_s = (age_ms - limit_ms) // 1000
    held = 1
    if age_ms <= limit_ms:
        held = 0
    return over_s, held
"""
TEST = "tests_host/base/test_timer.py"
SECONDS = {f"{TEST}::test_what_they_say": 0.1}


def toy() -> list[Mistake]:
    return mistakes("firmware/base/toy.py", "base", TOY)


@pytest.mark.parametrize(
    ("operator", "old", "new"),
    [
        ("boundary", "age_ms <= limit_ms", "age_ms < limit_ms"),
        ("sign", "age_ms - limit_ms", "age_ms + limit_ms"),
        ("unit", "// 1000", "// 100\n"),
        ("unit", "const(20)", "const(200)"),
        ("dropped row", '("a", 1), ("b", 2), ', '("b", 2), '),
        ("dropped row", ', ("c", 3)', ""),
        ("swapped age", "if age_ms <=", "if limit_ms <="),
        ("missing clear", "        held = 0", "        pass"),
    ],
)
def test_each_operator_makes_its_mistake(operator: str, old: str, new: str) -> None:
    """And nothing else of the text changes."""
    texts = [m.planted(TOY) for m in toy() if m.operator == operator]
    assert TOY.replace(old, new.rstrip("\n")) in texts


def test_a_name_is_one_mistake_and_the_choice_is_the_seeds() -> None:
    every = [m for room in ("base", "guard") for m in choose.every(room)]
    assert len({m.name for m in every}) == len(every)
    one, again, other = (choose.chosen(["base", "guard"], 48, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert [sum(m.room == room for m in one) for room in ("guard", "base")] == [40, 8]
    assert choose.rooms_of("core") == [r for r, _ in choose.SHARES if r.startswith("core/")]


def test_every_reason_is_of_a_mistake_that_there_is() -> None:
    names = report.known()
    rooms = {name.partition(" ")[0].rpartition("/")[0] for name in names}
    assert set(names) <= {m.name for room in rooms for m in choose.every(room)}


def test_the_tests_that_reach_a_file() -> None:
    """By import, through helpers, and through the scripts that run on the device."""
    root = run.ROOT
    reached = {
        name: {p.relative_to(root).as_posix() for p in reach.closure(root, root / name)}
        for name in (TEST, "tests_host/guard/test_kernels.py", "tests_host/guard/test_fast.py")
    }
    assert "firmware/base/timer.py" in reached[TEST]
    assert "firmware/guard/kernel.py" not in reached[TEST]
    assert "firmware/guard/kernel.py" in reached["tests_host/guard/test_kernels.py"]
    assert "firmware/guard/fast_kernel.py" in reached["tests_host/guard/test_fast.py"]


def test_found_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two in a kernel are found; one in a module that no test knows survives, and is printed."""
    monkeypatch.setattr(run, "HOME", tmp_path)
    copy = Copy(0)
    copy.make()
    (copy.path / "firmware/base/toy.py").write_text(TOY)
    kernel = [m for m in choose.every("base") if m.name.startswith("base/timer.py lasting ")]
    names = {m.name.removeprefix("base/timer.py lasting "): m for m in kernel}
    planted = [names["sign 1"], names["boundary 1"], toy()[0]]
    verdicts = [copy.plant(m, [TEST], SECONDS, 15) for m in planted]
    assert [v.by.startswith(TEST) for v in verdicts] == [True, True, False]
    assert verdicts[2].by == "" and verdicts[2].asked == 1
    source = run.ROOT / "firmware/base/timer.py"
    assert (copy.path / "firmware/base/timer.py").read_text() == source.read_text()
    page = tmp_path / "page.md"
    page.write_text("# A\n\n## Mistakes planted\n\nold\n\n## B\n")
    report.write(verdicts, "make mutate", page)
    said = page.read_text()
    assert "old" not in said and said.endswith("\n\n## B\n")
    assert f"| {toy()[0].name} |" in said and "not yet known" in said
    assert "3 planted, 1 survived" in said


def test_a_known_reason_is_printed_and_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = toy()[0]
    monkeypatch.setattr(report, "known", lambda: {mistake.name: "equal: the same"})
    said = report.section([Verdict(mistake, "", 3), Verdict(toy()[1], "t", 1)], "make mutate")
    assert "equal: the same" in said and "0.0 % of those that do" in said
