# islet: each correction of the emulator says what it mends, is applied, and is documented.
# GPL-3.0-or-later
"""What a reader relies on in tools/rp2040/fixes and its README."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tools/rp2040"
FIXES = sorted(p for p in (FOLDER / "fixes").glob("*.mjs") if p.name != "index.mjs")
TESTS = "".join(p.read_text() for p in Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("fix", FIXES, ids=lambda path: path.stem)
def test_a_correction_names_its_defect_and_has_a_test(fix: Path) -> None:
    head = fix.read_text().split("\n\n", 1)[0]
    assert "// Defect" in head, "say what rp2040js does wrong, and where"
    assert "// Silicon: " in head, "say what the chip does, with the data sheet's section"
    assert f"fixes/{fix.name}'" in TESTS, "no test imports it"
    assert f"`fixes/{fix.name}`" in (FOLDER / "README.md").read_text(), "not in the README"


def test_every_correction_is_applied() -> None:
    applied = (FOLDER / "fixes/index.mjs").read_text() + (FOLDER / "hub.mjs").read_text()
    for fix in FIXES:
        assert f"/{fix.name}'" in applied, fix.name


def test_the_emulator_is_pinned_by_hash_and_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    package = lock["packages"]["node_modules/rp2040js"]
    assert package["version"] == "1.4.1"
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package
    assert json.loads((FOLDER / "package.json").read_text())["dependencies"] == {
        "rp2040js": "1.4.1"
    }
