# islet: constants written into the text that is frozen: same lines, same decisions.
# GPL-3.0-or-later
from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.image import fold
from tools.image.constants import Constants, literals

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
KNOWN: Constants = {
    "firmware.image": {"LEGS": 3, "UNKNOWN": -1, "MOST": 1_000_000, "LOW": 5},
    "firmware.core.kernel": {"ROWS": 7},
}


IMAGE = "from firmware.image import "
CASES = [
    (IMAGE + "LEGS\nx = LEGS + 1\n", "pass\nx = 3 + 1\n"),
    (IMAGE + "LEGS, Image\nx = LEGS\n", IMAGE + "Image\nx = 3\n"),
    (IMAGE + "LEGS as N\nx = N\n", "pass\nx = 3\n"),
    (IMAGE + "(\n    LEGS,\n)\nx = LEGS\n", "pass\n\n\nx = 3\n"),
    (IMAGE + "UNKNOWN\nx = 2 - UNKNOWN\n", "pass\nx = 2 - (-1)\n"),
    (
        "from firmware import image as im\nx = im.LEGS\n",
        "from firmware import image as im\nx = 3\n",
    ),
    ("from firmware.core.kernel import ROWS\nx = f(ROWS)\n", "pass\nx = f(7)\n"),
    # a name that is given another value anywhere is left alone
    (IMAGE + "LEGS\ndef f(LEGS):\n    return LEGS\n", None),
    (IMAGE + "LEGS\nLEGS = 4\nx = LEGS\n", None),
    # a boxed integer in a frozen tuple would be compared slowly, and allocate
    (IMAGE + "MOST\nx = (MOST, 1)\n", None),
    (IMAGE + "MOST\nx = MOST\n", "pass\nx = 1000000\n"),
    (IMAGE + "LEGS\nx = 'ä LEGS', LEGS\n", "pass\nx = 'ä LEGS', 3\n"),
]


@pytest.mark.parametrize(("text", "folded"), CASES)
def test_what_is_folded(text: str, folded: str | None) -> None:
    assert fold.fold(text, KNOWN) == (text if folded is None else folded)


WRITTEN = [
    ("A = (\n    KIND,\n    1,\n)\n", "A = ('point', 1)\n\n\n\n"),
    ("A = (KIND, -MOST) + OTHER\n", "A = ('point', -1000000, 'b')\n"),
    ("A = (f, (KIND, None))\n", "A = (f, ('point', None))\n"),  # a function stays
    ("A = ('a', 1)\nB = KIND\nC = [KIND]\n", None),  # what the compiler does by itself
    ("def f():\n    return (KIND,)\n", None),
]


@pytest.mark.parametrize(("text", "told"), WRITTEN)
def test_tuples_of_constants_are_written_out(text: str, told: str | None) -> None:
    names = {"KIND": "point", "MOST": 1_000_000, "OTHER": ("b",)}
    assert fold.written(text, names) == (text if told is None else told)


def test_names_of_text_and_tuples_are_known_across_modules() -> None:
    texts = {
        "firmware.a": "KIND, _N = 'point', 2\nROW = (KIND, _N)\nTWICE = 1\nTWICE = 2\n",
        "firmware.b": "from firmware.a import ROW as R\nALL = (R, R) + (f(),)\nBOTH = R + R\n",
    }
    found = literals(texts, {})
    assert found["firmware.a"] == {"KIND": "point", "_N": 2, "ROW": ("point", 2)}
    assert found["firmware.b"] == {"R": ("point", 2), "BOTH": ("point", 2, "point", 2)}


def test_a_chip_carries_no_sentence_about_a_row(tmp_path: Path) -> None:
    """Of options and fields, on as many lines; all else in a row stays."""
    said = fold.mute(
        '_f("A", "", 0, 1, "so\\\n much", 3)\ng("A", "", 0, 1, "so")\n', "firmware.image"
    )
    assert said == '_f("A", "", 0, 1, ""\n, 3)\ng("A", "", 0, 1, "so")\n'
    for module in (*fold.SAID_BY_ROW, *fold.SAID_BY_FIELD):
        text = (ROOT / (module.replace(".", "/") + ".py")).read_text()
        muted = fold.mute(text, module)
        assert len(muted) < 0.9 * len(text)
        assert muted.count("\n") == text.count("\n")
        namespace: dict[str, object] = {"__name__": module}
        exec(compile(muted, module, "exec"), namespace)
    assert fold.mute("x = 1, 2, 3, 4, 5, 6, 7, 8, 'so'\n", "firmware.app").endswith("'so'\n")


def test_a_name_that_nobody_asks_for_has_none(tmp_path: Path) -> None:
    """Nor a slot in the heap; a field of the image is declared all the same."""
    source = tmp_path / "firmware"
    (source / "core").mkdir(parents=True)
    (source / "image.py").write_text(
        "_f = print\nconst = int\nLEGS = const(3)\nASKED = const(4)\nWORD = _f('WORD')\n"
        "A, B = const(1), const(2)\nx = LEGS\n"
    )
    (source / "core" / "a.py").write_text(
        "from firmware import image as im\nfrom firmware.image import ASKED\n"
        "ASKED = im.A + ASKED\n"
    )
    folded = fold.folder(source)
    image = folded[source / "image.py"]
    assert "LEGS" not in image and "x = 3" in image
    assert "ASKED = const(4)" in image  # core gives it another value, and asks for this one
    assert "A, B" not in image
    assert folded[source / "core" / "a.py"].endswith("ASKED = 1 + ASKED\n")


def test_an_image_folds_what_is_no_const(tmp_path: Path) -> None:
    """Names in capitals given a value once, rows of a table; the host's copy keeps the former."""
    source = tmp_path / "firmware"
    (source / "core" / "grid").mkdir(parents=True)
    (source / "image.py").write_text("LEGS = 3\n")
    (source / "core" / "grid" / "island_table.py").write_text(
        "WORDS = ('dead', 'open')\n\n\ndef bit(word):\n    return 1 << WORDS.index(word)\n"
        "\n\ncause = bit\n"
    )
    (source / "core" / "a.py").write_text(
        "from firmware import image as im\nfrom firmware.base.viper import const, ptr32\n"
        "from firmware.core.grid.island_table import bit\n"
        "_OPEN = bit('open')\nWAIT_MS, LEFT = range(2)\n_TWICE = 2 * im.LEGS\n_GIVEN = 1\n"
        "x = _OPEN, WAIT_MS, LEFT, _TWICE, _GIVEN\n_GIVEN = 2\n"
    )
    (source / "core" / "b.py").write_text("from firmware.core.a import LEFT\nx = LEFT\n")
    image = fold.folder(source)
    lines = image[source / "core" / "a.py"].splitlines()
    assert lines == [*["pass"] * 6, "_GIVEN = 1", "x = 2, 0, 1, 6, _GIVEN", "_GIVEN = 2"]
    assert image[source / "core" / "b.py"] == "pass\nx = 1\n"
    host = fold.folder(source, keep=True)[source / "core" / "a.py"]
    assert "WAIT_MS, LEFT = range(2)\n_TWICE = 2 * 3" in host
    assert "x = 2, WAIT_MS, LEFT, _TWICE, _GIVEN" in host


def test_every_module_keeps_its_lines_and_its_numbers(tmp_path: Path) -> None:
    fold.tree(FIRMWARE, tmp_path / "firmware")
    for path in FIRMWARE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        folded = (tmp_path / "firmware" / path.relative_to(FIRMWARE)).read_text(encoding="utf-8")
        assert folded.count("\n") == text.count("\n"), path
        ast.parse(folded)
    contactor = ast.parse(
        (tmp_path / "firmware/core/vehicle/contactor.py").read_text(encoding="utf-8")
    )
    names = {node.attr for node in ast.walk(contactor) if isinstance(node, ast.Attribute)}
    assert "POINT_CONTACTOR_STATE" not in names and "CONTACTOR_NAMES" in names


def test_a_file_that_is_gone_goes_and_an_old_one_keeps_its_time(tmp_path: Path) -> None:
    target = tmp_path / "firmware"
    fold.tree(FIRMWARE, target)
    before = (target / "image.py").stat().st_mtime_ns
    (target / "gone.py").write_text("x = 1\n")
    fold.tree(FIRMWARE, target)
    assert not (target / "gone.py").exists()
    assert (target / "image.py").stat().st_mtime_ns == before


def test_core_decides_alike_folded_and_not(tmp_path: Path, run_device: Callable[..., str]) -> None:
    """A thousand steps over random readings, commands byte for byte."""
    fold.tree(FIRMWARE, tmp_path / "firmware")
    script = """
from firmware import image as im
from firmware.core import Core
EVSE, INVERTER = 0, 1
state = 5
def below(n):
    global state
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n
image = im.Image()
site = image.site
site[im.NODE_COUNT], site[im.DEVICE_NODE + EVSE], site[im.DEVICE_NODE + INVERTER] = 3, 1, 2
site[im.NODE_PARENT + 1] = site[im.NODE_PARENT + 2] = 0
for node in range(3):
    site[im.NODE_RATING_MA + node] = 25_000
    site[im.NODE_INSTRUMENT + node] = im.INSTRUMENT_METER if node == 0 else 0
site[im.DEVICE_CHARGE_W + INVERTER] = site[im.DEVICE_DISCHARGE_W + INVERTER] = 5_000
site[im.DEVICE_MAX_MA + EVSE] = 16_000
for device, kind in enumerate((im.KIND_POINT, im.KIND_CONVERTER)):
    site[im.DEVICE_KIND + device], site[im.DEVICE_RANK + device] = kind, device
    site[im.DEVICE_LEG + device * im.LEGS] = 0
site[im.DEVICE_CONTACTOR], site[im.POINT_DEVICE], site[im.ISLAND_DEVICE] = 0, 0, 1
site[im.DEVICE_MAY_DISCHARGE + 1] = 1
core = Core(image)
kept = 0
for step in range(1000):
    for section, table in ((image.live, im.READINGS), (image.requests, im.REQUESTS)):
        for _ in range(6):
            _, first, count, _, low, high, _, _ = table.rows[below(len(table.rows))]
            low, high = max(low, -60_000), min(high, 60_000)
            section[first + below(count)] = low + below(high - low + 1)
    image.trips[im.TRIPPED] = (0, 0, 0, 1, 2, 8)[below(6)]
    image.age_rest(100)
    image.latch()
    core.step(100)
    for value in image.commands:
        kept = (kept * 31 + value) & 0x3FFFFFF
print(kept)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run_device(fold.script(script), tmp_path) == run_device(script) == done.stdout
