"""The wiring page and drawing are printed from the board, complete, and without overlaps."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from tests_host.chips.kit import REAL, damaged, read
from tools.docs.wiring.__main__ import files, main, names
from tools.docs.wiring.drawing import BOX_WIDTH, drawing
from tools.docs.wiring.layout import GAP, crossings, hidden, sides
from tools.docs.wiring.model import Board, board
from tools.docs.wiring.modules import MODULES
from tools.pack.circuits.chips import CHIPS
from tools.pack.circuits.pins import uses

SVG = "{http://www.w3.org/2000/svg}"
# class -> size in px and weight, as the drawing's style sheet has them
FONTS = {
    kind: FT2Font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    for kind, weight in (("normal", "normal"), ("bold", "bold"))
}
KINDS = {"title": (22, "bold"), "head": (17, "bold"), "pin": (15, "bold"), "": (15, "normal")}
KINDS |= {"note": (13, "normal"), "free": (13, "normal")}


def long(text: str, kind: str) -> float:
    """How wide a text is, in px; DejaVu Sans is as wide as the fonts that may stand in for it."""
    size, weight = KINDS[kind]
    font = FONTS[weight]
    font.set_size(size, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64


def wiring(name: str) -> Board:
    return board(read(name))


@pytest.mark.parametrize("name", REAL)
def test_the_documentation_is_up_to_date(name: str) -> None:
    for path, text in files(name).items():
        assert path.read_text(encoding="utf-8") == text, "run: python -m tools.docs.wiring"


def test_every_board_of_a_chip_has_one() -> None:
    assert names() == REAL == ["esp32", "esp32_lan8720", "pico", "pico_eth", "w5500_evb"]
    assert main(["--check"]) == 0


@pytest.mark.parametrize("chip", MODULES)
def test_the_headers_are_the_chips(chip: str) -> None:
    """Each GPIO once; what a header lacks cannot be used by a board of this chip."""
    module, data = MODULES[chip], CHIPS[chip]
    pins = [row for row in (*module.left, *module.right) if isinstance(row, int)]
    assert len(pins) == len(set(pins))
    assert set(pins) <= data.pins
    assert data.pins - set(pins) <= set(data.taken)
    places = [module.place(pin) for pin in pins]
    assert len(set(places)) == len(places)


def test_pins_are_where_the_pico_has_them() -> None:
    """Data sheet of the Pico, figure of its pinout."""
    place = MODULES["rp2040"].place
    assert [place(pin) for pin in (0, 15, 16, 22, 28)] == ["1", "20", "21", "29", "34"]


@pytest.mark.parametrize("name", REAL)
def test_every_pin_goes_somewhere(name: str) -> None:
    nets = wiring(name).nets
    assert sorted(net.pin for net in nets) == sorted(use.pin for use in uses(read(name)))
    assert all(net.ports and net.label and net.notes for net in nets)


def test_the_dead_man_goes_to_what_it_holds() -> None:
    net = next(net for net in wiring("pico").nets if net.group == "dead_man")
    assert [port.block for port in net.ports] == ["Contactor", "Inverter enable"]
    (text,) = [text for path, text in files("pico").items() if path.suffix == ".md"]
    assert "| contactor, enable | dead-man, 40 ms |" in text


def test_both_metering_chips_hang_on_the_bus() -> None:
    clock = next(net for net in wiring("pico").nets if net.label == "SPI SCK")
    assert [port.block for port in clock.ports] == ["ATM90E32 no. 1", "ATM90E32 no. 2"]


@pytest.mark.parametrize("name", REAL)
def test_blocks_and_wires_do_not_overlap(name: str) -> None:
    for side in sides(wiring(name)):
        boxes = sorted(side.boxes, key=lambda box: box.y)
        for above, below in pairwise(boxes):
            assert above.y + above.height + GAP <= below.y + 1e-6
        assert hidden(side) == 0
        assert crossings(side) <= 20


@pytest.mark.parametrize("name", REAL)
def test_texts_fit(name: str) -> None:
    """By the font's own widths: within the picture, within their block, and side by side."""
    root = ElementTree.fromstring(drawing(wiring(name)))
    width = float(root.attrib["width"])
    spans = []
    for text in root.iter(f"{SVG}text"):
        kind = text.get("class", "")
        wide = long(text.text or "", kind)
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        left = {"start": x, "end": x - wide, "middle": x - wide / 2}
        start = left[text.get("text-anchor", "start")]
        assert start >= 0 and start + wide <= width, text.text
        if kind in ("head", "note") and y > 100:
            assert wide <= BOX_WIDTH - 28, text.text
        spans.append((start, start + wide, y, text.text))
    for (a, b, y, one), (c, d, z, other) in combinations(spans, 2):
        assert abs(y - z) >= 13 or b <= c or d <= a, f"{one} over {other}"


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pico"]) == 0
    assert capsys.readouterr().out.startswith("# Wiring of the board `pico`")
    assert main(["esp32", "--svg", str(tmp_path / "x.svg")]) == 0
    assert (tmp_path / "x.svg").read_text().startswith("<svg ")
    with pytest.raises(SystemExit, match="simulated"):
        main(["host"])
    with pytest.raises(SystemExit, match=r"boards are esp32, esp32_lan8720, pico"):
        main(["nano"])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert re.search(r"--svg FILE", capsys.readouterr().out)


def test_a_bad_board_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(damaged("pico", outputs__0__pin=0)))
    with pytest.raises(SystemExit, match=r"mine.json: outputs.0.pin: pin 0 is lines.0.tx already"):
        main([str(path)])
