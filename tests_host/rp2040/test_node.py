# islet: runs the emulated chip's own tests under pytest.
# GPL-3.0-or-later
"""The tests of the emulated chip that are written in JavaScript, a file a case."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests_host import kept

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(Path(__file__).parent.glob("*.test.mjs"))
NEEDED = {
    "rp2040js": ROOT / ".cache/node/node_modules/rp2040js",
    "the boot ROM": ROOT / ".cache/rp2040/bootrom.bin",
}
REMEDY = "`make test` fetches it; by hand: python3 -m tools.setup test"
NOISE = re.compile(r"(?m)^\s*(?:duration_ms|type|location|stack|\.\.\.|---).*\n")
TAIL = 80
SECONDS = 300


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with what the emulator needs."""
    program = shutil.which("node")
    assert program, f"no node: apt-get install nodejs npm; {REMEDY}"
    for name, path in NEEDED.items():
        assert path.exists(), f"no {name}: {REMEDY}"
    return program


def failures(report: str) -> str:
    """Node's report in TAP without what passed: the names, the errors, where."""
    kept = []
    for block in re.split(r"(?m)^(?=\s*(?:not )?ok \d+ - )", report):
        if block.lstrip().startswith("not ok"):
            kept.append(NOISE.sub("", block).rstrip())
    return "\n".join("\n".join(kept).splitlines()[:TAIL]) or report


def reported(node: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Node's report on a file of tests, kept where nothing has failed."""
    command = [node, "--test", "--test-reporter=tap", str(file)]
    read = (*kept.CHIP, ROOT / "tools/bench/board", ROOT / "firmware/circuits", file.parent, file)
    images = [path for path in (ROOT / ".cache/rp2040").rglob("*.bin") if path.is_file()]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    inputs = [*read, *images, kept.node(), file.name]
    return kept.kept("node", inputs, run, lambda done: done.returncode == 0)


@pytest.mark.timeout(SECONDS + 20)
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_node(node: str, file: Path) -> None:
    done = reported(node, file)
    passed = re.search(r"(?m)^# pass (\d+)", done.stdout)
    code = done.returncode  # by itself: pytest -vv would print the whole of `done`
    assert code == 0, failures(done.stdout) + done.stderr
    assert passed and int(passed[1]) > 0, f"{file.name} tested nothing"


def test_the_report_names_what_failed(node: str, tmp_path: Path) -> None:
    file = tmp_path / "two.test.mjs"
    file.write_text(
        "import { test } from 'node:test';\n"
        "import assert from 'node:assert';\n"
        "test('one is one', () => assert.equal(1, 1));\n"
        "test('one is two', () => assert.equal(1, 2));\n"
    )
    with pytest.raises(AssertionError) as caught:
        test_node(node, file)
    text = str(caught.value)
    assert "one is two" in text and "1 == 2" in text
    assert "one is one" not in text
