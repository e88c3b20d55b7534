# islet: docs/devices.md, printed from firmware/profiles.
# GPL-3.0-or-later
"""python -m tools.docs.devices: write the table of device families."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tools.pack import cited, profiles
from tools.workshop import ROOT

PAGE = ROOT / "docs" / "devices.md"
FOLDER = ROOT / "firmware" / "profiles"
HEAD = """\
# Devices

Printed by `python -m tools.docs.devices` from
[firmware/profiles](../firmware/profiles/README.md), where each row cites who says so; "sure" is
what the least sure fact that a command rests on has: one map that was read, or two that agree.
**Nothing here was tried on a device by islet's makers**, except where it says "recording" or
"device". A wrong register is a reason for an issue, with what `make probe FILE=` recorded
([probe.md](probe.md)).

**What is driven today**: meters below; SunSpec meters (201 to 204, 211 to 214) and older
inverters (101 to 103, 111 to 113) as instruments of a node, which need no profile
([configuration.md](configuration.md#meters-by-sunspec)); converters that speak SunSpec 701, 702,
704, 713 and 715 ([configuration.md](configuration.md)), and of the converters and gateways below
those that take a setpoint of their AC power or of their battery (`devices[].profile`). None of
them is asked to form an island, and none is taken for `coordinated` or `export_limit_w` before
somebody has measured when it lets go after islet falls silent. One that nobody says stops then
may not discharge; one whose renewed registers lie in memory that nobody names (an EEPROM would
be worn out within weeks) needs the installer's key, and so does one that says EEPROM or flash,
where what it keeps there need not be renewed ([memory that wears
out](configuration.md#memory-that-wears-out)). All of this was tested against fakes alone: of
some the twin has a device with its ways and its maker's rules (`make run
SCENARIO=family_solax_g4` and others). Those that take a setpoint of their input (`grid`), whose
loads hide the battery, and chargers, are data that the build checks: a site that names one is
refused with words. What is not here at all: `profiles` of the site's own
([configuration.md](configuration.md#a-meter-or-converter-that-islet-does-not-know)).

**A setpoint of the battery** leaves the sun on the device's own DC side alone: it feeds on
whatever islet asks, zero too. `sun_w` says how much that is at most, and counts as a source of
its circuit that islet does not command; the state shows what it gives now. Whether the device
obeys is judged by the battery's power. Two powers that contradict each other for 10 s (a sign is
another, `sun_w` is too small) are not believed for five minutes. `export_limit_w` and a contactor
are refused beside it.

**When islet ends in order** (`islet stop`, which `make flash` says before it brings another
configuration or image) each of them is told zero, then its plan `release`, which gives it back to
its own mode; 2 s for all, and nothing if islet has told it nothing. Whoever does not take it then
does what its lease says, as after a crash or a power cut. A converter by SunSpec is stopped
(715.OpCtl) and stays so.
"""
# What cannot be had as data, and why (sources by the name of the project that was read).
NOT_HAD = (
    ("E3/DC", "is commanded by RSCP only, an encrypted protocol of its own"),
    ("Enphase", "no local setpoint was found"),
    ("RCT", "speaks a serial protocol of its own; no Modbus map that could be cited"),
    ("sonnen, Zendure", "are asked by HTTP or MQTT; no Modbus map that could be cited"),
    ("Fermata FE-20",
     "speaks SunSpec (TCP 8502), whose addresses islet finds by itself; those of the one project "
     "read contradict 701 and 704, and its state of charge (41104) is its own"),
    ("EG4, LuxPower",
     "AC power in two registers (16 delivers, 17 draws), state of charge in half of one (5)"),
    ("SolarEdge StorEdge, Alpha ESS",
     "can be read, above; no signed setpoint that could be cited"),
    ("inverters by SunSpec 101 to 103, 111 to 113 without a storage",
     "are instruments, found by their chain; WMaxLimPct of 123 is not commanded"),
    ("a P1 port", "has no Modbus; its reader is taken by MQTT or HTTP: `meters[].values`"),
)  # fmt: skip
ROLES = (
    ("meter", "Meters"),
    ("converter", "Converters"),
    ("gateway", "Gateways with a car behind them"),
    ("charger", "AC chargers"),
)
THENS = {
    "own_mode": "its own mode", "stops": "stops", "goes_on": "**goes on**",
    "unknown": "unknown",
}  # fmt: skip
LEGS = ("voltage", "current", "power")


def read(document: dict[str, Any]) -> str:
    """What is read, without what each leg has."""
    names = [row["quantity"] for row in document["rows"]]
    return ", ".join(name.replace("_", " ") for name in dict.fromkeys(names))


def ports(document: dict[str, Any]) -> str:
    found, said = document["ports"], []
    if rtu := found.get("rtu"):
        said.append(f"{rtu['baud']} 8{rtu['parity']}{rtu.get('stop_bits', 1)}")
    if tcp := found.get("tcp"):
        said.append(f"TCP {tcp.get('port', 502)}")
    return ", ".join(said) + f"; unit {document.get('address', 1)}"


def lease(document: dict[str, Any]) -> str:
    """How long it obeys without being told again, and what it does then."""
    said = document.get("lease", {})
    if not said:
        return "–"
    held = f"{said['least_s']} to {said['most_s']} s" if said.get("write") else "none"
    measured = "measured" if said.get("measured") else "not measured"
    return f"{held}, then {THENS[said['then']]}; {measured}"


def wear(document: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(write["wear"] for write in document["writes"]))


def sure(document: dict[str, Any]) -> str:
    return cited.SURENESS[cited.sureness(document)]


def meters(documents: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield "| profile | device | reached by | read | sure |"
    yield "|---|---|---|---|---|"
    for name, each in documents:
        yield f"| `{name}` | {each['name']} | {ports(each)} | {read(each)} | {sure(each)} |"


def others(documents: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield "| profile | device | reached by | read | commanded | lease | registers are | sure |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, each in documents:
        told = ("read only", "–", "–")
        if profiles.commanded(each):
            told = (f"W, {each['controls']}", lease(each), wear(each))
        first = f"| `{name}` | {each['name']} | {ports(each)} | {read(each)}"
        yield f"{first} | {' | '.join(told)} | {sure(each)} |"


def lacks(documents: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield ""
    yield "What could not be cited:"
    yield ""
    for name, each in documents:
        if each.get("lacks"):
            yield f"- `{name}`: {'; '.join(each['lacks'])}"


def page() -> str:
    paths = sorted(FOLDER.glob("*.json"))
    known = [(path.stem, json.loads(path.read_text())) for path in paths]
    known = [(name, each) for name, each in known if not name.endswith(".schema")]
    lines = [HEAD.rstrip()]
    for role, title in ROLES:
        found = [(name, each) for name, each in known if each["role"] == role]
        lines += ["", f"## {title}", "", *(meters if role == "meter" else others)(found)]
        lines += lacks(found)
    lines += ["", "## Not had as data", ""]
    lines += [f"- {name}: {why}" for name, why in NOT_HAD]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
