# islet: what the limits of voltage and frequency cannot see of an island fed by mistake.
# GPL-3.0-or-later
"""python -m tools.docs.blind_zone: the matched-load zone of each grid code, a table of hazards.md.

A source that follows the grid and loses it goes on beside a load that takes what it gives. The
load of the tests is a resistor with a resonant circuit beside it (quality 1, as IEC 62116 and IEEE
1547 have it, second-hand). Its voltage settles where V² / R is the power given, its frequency
where the circuit resonates:

    load / source = (Vn / V)²        (QL - QC) / P = f / fn - fn / f

As long as both stay inside every trip row of 2 s or less, no passive limit sees it: only the
device's own active method does, which is why islet asks 704.AntiIslEna for it, or a certificate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from tools.tables import markdown
from tools.workshop import ROOT

FOLDER = ROOT / "firmware" / "gridcodes"
WITHIN_MS = 2_000  # IEEE 1547's time for an unintended island, second-hand
QUALITY = 1.0
DEAD = 0.2  # of nominal: below it the guard's own row of a dead grid


def levels(code: dict) -> tuple[float, float, float, float]:
    """Lowest and highest voltage and frequency, of nominal, that no row ends within 2 s."""
    low_v, high_v, low_f, high_f = DEAD, 9.0, 0.0, 9.0
    nominal = code["nominal_mhz"]
    for row in code["trips"]:
        if row["time_ms"] > WITHIN_MS:
            continue
        if row["kind"] == "uv":
            low_v = max(low_v, row["permille"] / 1000)
        elif row["kind"] == "ov":
            high_v = min(high_v, row["permille"] / 1000)
        elif row["kind"] == "uf":
            low_f = max(low_f, row["mhz"] / nominal)
        elif row["kind"] == "of":
            high_f = min(high_f, row["mhz"] / nominal)
    return low_v, high_v, low_f, high_f


def zone(code: dict) -> tuple[float, float, float, float]:
    """Per cent of the source's power: least and most surplus load, least and most surplus of
    inductive over capacitive reactive power, between which nothing is seen."""
    low_v, high_v, low_f, high_f = levels(code)
    return (
        100 * (1 / high_v**2 - 1),
        100 * (1 / low_v**2 - 1),
        100 * QUALITY * (low_f - 1 / low_f),
        100 * QUALITY * (high_f - 1 / high_f),
    )


def table() -> Iterator[str]:
    heads = "grid code | load beyond the source, unseen | inductive beyond capacitive, unseen"
    return markdown(heads, _rows())


def _rows() -> Iterator[tuple[str, ...]]:
    for path in sorted(FOLDER.glob("*.json")):
        if path.name.endswith(".schema.json"):
            continue
        p_low, p_high, q_low, q_high = zone(json.loads(path.read_text()))
        power, reactive = f"{p_low:+.0f} … {p_high:+.0f}", f"{q_low:+.1f} … {q_high:+.1f}"
        yield path.stem, power + " % of its power", reactive + " %"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
