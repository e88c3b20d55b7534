# islet: the wiring of a circuit board as a picture (SVG).
# GPL-3.0-or-later
"""The module as a box with its pins on both sides as on the header, and a wire from each used pin
to the named block it serves, coloured by function."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tools.docs.wiring.layout import HEAD, NOTE_STEP, PIN_STEP, Box, Side, sides
from tools.docs.wiring.model import GROUPS, Board, Net

MODULE_WIDTH = 360
BOX_WIDTH = 330
LANE = 15
EDGE = 26  # between a lane and what stands beside it
MARGIN = 28
TITLE = 64
LEGEND = 56
STYLE = """
text { font-family: 'DejaVu Sans', Verdana, Arial, sans-serif; font-size: 15px; fill: #212121 }
.title { font-size: 22px; font-weight: bold }
.head { font-size: 17px; font-weight: bold }
.note, .free { font-size: 13px; fill: #546e7a }
.pin { font-weight: bold; fill: #ffffff }
.module { fill: #eceff1; stroke: #455a64; stroke-width: 2 }
.box { fill: #ffffff; stroke: #90a4ae; stroke-width: 1.5 }
.wire { fill: none; stroke-width: 2.5; stroke-linecap: square }
"""


def drawing(board: Board) -> str:
    """The SVG."""
    left, right = sides(board)
    beside = [BOX_WIDTH + _gutter(side) for side in (left, right)]
    width = 2 * MARGIN + sum(beside) + MODULE_WIDTH
    rows = max(len(board.module.left), len(board.module.right))
    tops = [0.0, *(box.y for side in (left, right) for box in side.boxes)]
    ends = [float(rows * PIN_STEP)]
    ends += [box.y + box.height for side in (left, right) for box in side.boxes]
    down = MARGIN + TITLE - min(tops) + PIN_STEP  # where a pin's y = 0 lies
    height = down + max(ends) + LEGEND + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">',
        f"<title>{escape(f'Wiring of the board {board.name}')}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width:g}" height="{height:g}" fill="#fafafa"/>',
        _text(MARGIN, MARGIN + 22, f"{board.name}: {board.module.name}", "title"),
        _text(MARGIN, MARGIN + 46, board.text, "note"),
        *_module(board, MARGIN + beside[0], down),
        *_side(left, MARGIN + beside[0], -1, down),
        *_side(right, MARGIN + beside[0] + MODULE_WIDTH, 1, down),
        *_legend(board, height - MARGIN),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _gutter(side: Side) -> float:
    """The width of a side's lanes."""
    return 2 * EDGE + LANE * max(len(side.lanes) - 1, 0)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{style}{end}>{escape(text)}</text>'


def _module(board: Board, x: float, down: float) -> Iterator[str]:
    """The box, and a label for each row of its headers."""
    module = board.module
    rows = max(len(module.left), len(module.right))
    top = down - PIN_STEP
    yield (
        f'<rect class="module" x="{x:g}" y="{top:g}" width="{MODULE_WIDTH}" '
        f'height="{rows * PIN_STEP + PIN_STEP:g}" rx="10"/>'
    )
    used = {net.pin: net for net in board.nets}
    for side, header in ((-1, module.left), (1, module.right)):
        edge = x if side < 0 else x + MODULE_WIDTH
        anchor = "start" if side < 0 else "end"
        for i, row in enumerate(header):
            y = down + i * PIN_STEP
            net = used.get(row) if isinstance(row, int) else None
            name = row if isinstance(row, str) else f"{module.prefix}{row}"
            if net is None:
                yield f'<circle cx="{edge:g}" cy="{y:g}" r="4" fill="#b0bec5"/>'
                yield _text(edge - side * 14, y + 5, str(name), "free", anchor)
                continue
            pad = edge if side < 0 else edge - 48
            colour = GROUPS[net.group][0]
            yield (
                f'<rect x="{pad:g}" y="{y - 12:g}" width="48" height="24" rx="4" fill="{colour}"/>'
            )
            yield _text(pad + 24, y + 5, str(name), "pin", "middle")
            yield _text(edge - side * 58, y + 5, net.label, "", anchor)


def _side(side: Side, edge: float, way: int, down: float) -> Iterator[str]:
    """Wires first, blocks over them."""
    inner = edge + way * _gutter(side)
    for lane, net in enumerate(side.lanes):
        yield from _wire(side, net, (edge, edge + way * (EDGE + LANE * lane), inner), down)
    for box in side.boxes:
        yield from _box(box, inner, way, down)


def _wire(side: Side, net: Net, xs: tuple[float, float, float], down: float) -> Iterator[str]:
    colour = GROUPS[net.group][0]
    pin_y, (edge, lane, inner) = down + side.pins[net.pin], xs
    ends = [down + end for end in side.ends(net)]
    low, high = min(pin_y, *ends), max(pin_y, *ends)
    path = f"M{edge:g} {pin_y:g}H{lane:g}M{lane:g} {low:g}V{high:g}"
    path += "".join(f"M{lane:g} {end:g}H{inner:g}" for end in ends)
    yield f'<path class="wire" d="{path}" stroke="{colour}"/>'
    # a dot where a wire branches
    if len(ends) > 1:
        for y in sorted({pin_y, *ends})[1:-1]:
            yield f'<circle cx="{lane:g}" cy="{y:g}" r="4.5" fill="{colour}"/>'


def _box(box: Box, inner: float, way: int, down: float) -> Iterator[str]:
    x = inner if way > 0 else inner - BOX_WIDTH
    y = down + box.y
    yield (
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" '
        f'height="{box.height:g}" rx="6"/>'
    )
    anchor = "start" if way > 0 else "end"
    text_x = inner + way * 14
    yield _text(text_x, y + 23, box.title, "head", anchor)
    for i, note in enumerate(box.notes):
        yield _text(text_x, y + HEAD + 9 + NOTE_STEP * i, note, "note", anchor)
    for at, (net, text) in enumerate(box.ports):
        port_y = down + box.port_y(at)
        colour = GROUPS[net.group][0]
        yield f'<circle cx="{inner:g}" cy="{port_y:g}" r="5" fill="{colour}"/>'
        yield _text(text_x, port_y + 5, text, "", anchor)


def _legend(board: Board, y: float) -> Iterator[str]:
    x = float(MARGIN)
    shown = {net.group for net in board.nets}
    for group, (colour, text) in GROUPS.items():
        if group in shown:
            yield f'<path class="wire" d="M{x:g} {y:g}h30" stroke="{colour}"/>'
            yield _text(x + 38, y + 5, text)
            x += 66 + 9.5 * len(text)
