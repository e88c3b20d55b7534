"""The real firmware on the emulated chip, over a socket and over a serial port."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests_host.conftest import ROOT
from tools.calibrate import store, targets
from tools.flash import Voice, __main__, find, link, overlay, site, steps
from tools.flash.link import Link
from tools.pack.__main__ import version

IMAGE = ROOT / ".cache/rp2040/pico/firmware.bin"
# an inverter and a house meter, neither of which answers
SITE = {
    "name": "emulated",
    "legs": 3,
    "nominal_v": 230,
    "nominal_hz": 50,
    "grid_code": "en50549",
    "nodes": [
        {"name": "service", "rating_a": 25, "instrument": "meter"},
        {"name": "battery", "parent": "service", "rating_a": 20, "instrument": "inverter"},
    ],
    "devices": [
        {"name": "inverter", "kind": "converter", "node": "battery", "legs": ["L1", "L2", "L3"]}
        | {"charge_w": 5000, "line": "bus", "address": 2},
    ],
    "meters": [{"name": "meter", "profile": "sdm630", "line": "bus"}],
    "lines": [{"name": "bus"}],
}
PATIENCE = 120  # the machine may be busy

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "REPLY_S", PATIENCE)
    monkeypatch.setattr(link, "BOOT_S", PATIENCE)
    monkeypatch.setattr(steps, "WORD_S", PATIENCE)


@contextmanager
def running(*command: str | Path) -> Iterator[str]:
    """A program, and the first line that it says."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    assert IMAGE.exists(), "no image for the chip: make one with `make image IMAGE=pico`"
    copy = tmp_path / "firmware.bin"  # another build must not change it meanwhile
    shutil.copy2(IMAGE, copy)
    return copy


@pytest.fixture
def port(image: Path) -> Iterator[str]:
    """A board that has never been flashed with anything but the image."""
    with running("node", "tools/rp2040/console.mjs", "0", "--image", image) as said:
        assert said.startswith("board on socket://"), said
        yield said.removeprefix("board on ")


def test_flash_over_a_socket(
    port: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The image is compared byte for byte, the site provisioned, and the board says how it is."""
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    site_file = tmp_path / "site.json"
    site_file.write_text(json.dumps(SITE))
    words = ["flash", "--port", port, "--file", str(image), "--site", str(site_file)]
    assert __main__.main(words) == 0
    said = capsys.readouterr().out
    says = "the board says: emulated, islet {}, circuit board pico, MicroPython 1.25.0 on rp2"
    for line in (
        "stopped: nothing is energised",
        "the image is there already",
        "configuration: written and read back",
        says.format(version()),
        "  energised: nothing",
        "  inverter: silent since start",
    ):
        assert f"flash: {line}\n" in said
    assert "guard: runs" in said
    assert "NOT RIGHT" not in said
    # what is there already is left alone, and a Pico's heap is refused for loose files
    assert __main__.main([*words, "--files", "1"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"flash: error: this board has 2[23]\d kB of heap, files need about", said)
    with Link(find.Port(port), Voice()) as again:
        report = again.report()
        assert report and report["name"] == "emulated"  # it was put back into service
        assert report["calibration"] == ""
        calibrate(again)
        report = again.report()
        assert report and report["calibration"] == date.today().isoformat()
        assert report["errors"] == []


def calibrate(board: Link) -> None:
    """The instruments answer, and a calibration is taken at the next start."""
    readings = board.ask("readings")
    assert readings is not None
    assert {"grid_mv", "mains_w", "evse_ma", "pilot_mv", "proximity_ohm"} <= set(readings)
    answer = board.ask("calibration")
    assert answer is not None and answer["text"] == ""
    circuit = site.circuit("pico")
    document = store.parse(answer["text"], circuit)
    target = targets.find(circuit, "grid", 1)
    store.put(document, target.section, target.key, mv_gain_ppm=12_000, polarity=-1)
    store.put(document, "channels", (("signal", "pilot"),), gain_ppm=-3_000, zero_code16=20)
    store.bring(board, document, circuit, Voice("calibrate"))


def test_overlay_over_a_serial_port(
    port: str, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed file takes the frozen one's place, for one start."""
    tree = tmp_path / "tree"
    changed = tree / "firmware" / "net" / "console.py"
    changed.parent.mkdir(parents=True)
    text = (ROOT / "firmware/net/console.py").read_text()
    changed.write_text(text.replace('"islet": "report",', '"islet": "report", "edited": 7,'))
    monkeypatch.setattr(overlay, "ROOT", tree)
    table = overlay.stage([changed], "armv6m", tmp_path / "stage")
    terminal = tmp_path / "board"
    bridge = (sys.executable, "-m", "tools.rp2040.pty", port.rsplit(":", 1)[1], terminal)
    with running(*bridge) as said:
        assert said == str(terminal)
        with Link(find.Port(said), Voice("overlay")) as board:
            board.stop()
            overlay.load(board, table, Voice("overlay"), tmp_path / "stage")
            board.begin(overlay.RUN)
            report = board.report()
            assert report and report["edited"] == 7
            assert report["overlay"] == ["firmware.net.console"]
            steps.end_overlay(board, Voice("overlay"))
            report = board.report()
            assert report and "edited" not in report
            assert report["overlay"] == []
