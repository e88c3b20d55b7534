# islet: `make check`: everything there is to say about a site on a circuit board, at once.
# GPL-3.0-or-later
"""What the board would refuse and warn of, by the firmware's own rules; which images it can run
in; what each circuit, line and device is, what stays when the meters are silent, and what is left
to do before power flows. Nothing is energised and nothing is written."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware import image as im
from firmware.chips.circuit import Rights
from firmware.core import Core
from tools.flash import FlashError
from tools.flash import site as loading
from tools.image.images import IMAGES, takes
from tools.pack import PackError
from tools.site import own
from tools.site.upgrade import is_old, upgrade
from tools.workshop import ROOT

INDENT = "  "
FRESH_S, SILENT_S = 20, 10  # of core, before and after the instruments fall silent
VERDICT = {True: "good", False: "refused"}
# what follows from a broken site and would only repeat what is said already
FOLLOWS = (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError)


def images_of(circuit: str) -> list[Any]:
    document = json.loads((ROOT / "firmware/circuits" / f"{circuit}.json").read_text())
    return [image for image in IMAGES.values() if takes(image, document)]


def flashed(images: list[Any], circuit: str, name: str) -> Any:
    """The image of that name, else the one that takes the circuit board without being told; the
    simulated board has none."""
    if name and name not in [image.name for image in images]:
        known = ", ".join(image.name for image in images) or "it has none"
        raise FlashError(f"IMAGE: {name} does not fit {circuit}", f"name one of: {known}")
    usual = [image for image in images if image.circuit == circuit] or images
    named = [image for image in images if image.name == name] or usual
    return named[0] if named else None


def report(path: Path, circuit: str, name: str = "") -> tuple[list[str], bool]:
    """Lines to print, and whether the board would take the site in the image of that name."""
    content, before = _of_today(path.read_bytes())
    try:
        content, unpacked = own.packed(content), []
    except PackError as error:
        unpacked = [str(error)]
    board = loading.circuit(circuit)
    images = images_of(circuit)
    chosen = flashed(images, circuit, name)
    network = chosen is None or chosen.network
    image = im.Image()
    rights = Rights(board, network)
    loading.packed()
    config = importlib.import_module("firmware.config").load(content, image, rights)
    refused, later = _split(config, image, rights)
    if unpacked:  # what follows from it is no news
        refused = unpacked + [line for line in refused if not line.startswith("profiles[")]
    on = f"{circuit}, IMAGE={chosen.name}" if chosen else circuit
    lines = [f"{path} on the circuit board {on}: {VERDICT[not refused and not later]}"]
    lines += _part("refused", refused) + _part("and, as far as it can be told yet", later)
    if before:
        remedy = f"checked as `python -m tools.site upgrade --write {path}` would rewrite it"
        lines += _part("of an older form", [remedy])
    said = {line.split(":")[0] for line in (*refused, *later)}
    warned = [line for line in config.warnings if line.split(":")[0] not in said]
    lines += _part("warned", warned)
    lines += _part("the circuit board", _board(rights, images, network))
    if not refused and not later:
        lines += _part("circuits", _circuits(config, image))
        lines += _part("lines", _lines(config))
        lines += _part("when the meters fall silent", _silent(config, image))
        lines += _part("left to do", list(_left(config, rights)))
    return lines, not refused and not later


def _part(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(INDENT + line for line in lines)] if lines else []


def _of_today(content: bytes) -> tuple[bytes, bool]:
    """The site in today's form, and whether it was of an older one."""
    try:
        document = json.loads(content)
        if isinstance(document, dict) and is_old(document):
            return json.dumps(upgrade(document)[0]).encode(), True
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        pass  # the firmware's own loader says what is wrong with it
    return content, False


def _split(config: Any, image: Any, rights: Any) -> tuple[list[str], list[str]]:
    """Errors of single options, and those of the rules, which the firmware asks only when all
    options are good: as far as they can be asked."""
    rules = importlib.import_module("firmware.config.rules")
    refused = list(config.errors)
    if not refused or not config["nodes"]:
        return refused, []
    later: list[str] = []
    try:
        rules.derive(image.site, config, rights)
    except FOLLOWS:
        return refused, []
    for rule in rules.REFUSED:
        try:
            later += list(rule(image.site, config, rights))
        except FOLLOWS:
            continue
    named = {error.split(":")[0] for error in refused}
    return refused, [line for line in later if line.split(":")[0] not in named]


def _board(rights: Any, images: list[Any], network: bool) -> list[str]:
    circuit = rights.circuit
    lines = [
        f"image: {image.name} ({image.text}), {'with' if image.network else 'without'} a network"
        for image in images
    ]
    said = [
        (rights.can_own_contactor, "own a charging contactor", "its guard or outputs do not do"),
        (rights.can_island, "run the house without the grid", "it lacks interlocks or outputs"),
        (network, "serve a page and a broker", "this image has no network"),
        (bool(circuit.meters), "measure the service by itself (ct)", "it has no metering chip"),
    ]
    for can, what, why in said:
        lines.append(f"may {what}" if can else f"may not {what}: {why}")
    lines.append(f"RS-485 lines: {rights.lines}")
    if rights.evse_a:
        lines.append(
            f"built for {rights.evse_a} A at its contactor, {rights.mains_a} A of service"
        )
    return lines


def _circuits(config: Any, image: Any) -> list[str]:
    """The tree, with the devices below their circuits."""
    site = image.site
    lines: list[str] = []

    def draw(node: int, depth: int) -> None:
        row = config["nodes"][node]
        limit_a = row["rating_a"] * row["continuous_percent"] / 100
        by = row["instrument"]
        seen = "not measured" if by == "none" else f"measured by {by}"
        lines.append(f"{INDENT * depth}{row['name']}: {limit_a:g} A a leg, {seen}")
        for at, device in enumerate(config["devices"]):
            if site[im.DEVICE_NODE + at] == node:
                lines.append(f"{INDENT * (depth + 1)}{_device(device)}")
        for child in range(site[im.NODE_COUNT]):
            if site[im.NODE_PARENT + child] == node:
                draw(child, depth + 1)

    draw(0, 0)
    return [*lines, *_balance(config, site)]


def _balance(config: Any, site: Any) -> list[str]:
    """What islet's devices may load one leg more than another, and who says so."""
    if site[im.LEG_COUNT] == 1:
        return []
    name = config["grid_code"]
    coded = json.loads((ROOT / "firmware/gridcodes" / f"{name}.json").read_text())
    says = f"grid_code {name}"
    if coded.get("unbalance_va", {}).get("unchecked"):
        says += ", unchecked"
    if site[im.UNBALANCE_TOGETHER]:
        says = "unbalance_va"
    draw_va, feed_va = site[im.UNBALANCE_VA : im.UNBALANCE_VA + 2]
    if site[im.UNBALANCE_TOGETHER] and draw_va:
        most = f"at most {draw_va} VA apart by islet, drawing and delivering together"
    else:
        each = [(draw_va, "drawing"), (feed_va, "delivering")]
        limits = " and ".join(f"{va} VA {way}" for va, way in each if va)
        most = f"at most {limits} apart by islet" if limits else "islet may load each as it likes"
    return [f"the legs: {most} ({says})"]


def _device(device: Any) -> str:
    legs = "+".join(device["legs"])
    if device["kind"] == "point":
        return f"{device['name']}: charging point on {legs}, 6 to {device['max_a']:g} A"
    gate = "gateway to a car" if device["owns_pilot"] else f"converter, {device['behind']} behind"
    return (
        f"{device['name']}: {gate}, on {legs}, draws up to {device['charge_w']} W, delivers up "
        f"to {device['discharge_w'] if device['may_discharge'] else 0} W"
    )


def _lines(config: Any) -> list[str]:
    found = []
    serial = 0
    for line in config["lines"]:
        users = [
            f"{row['name']} at {row['address']}"
            for row in (*config["meters"], *config["devices"])
            if row.get("line") == line["name"]
        ]
        how = f"Modbus TCP to {line['host']}:{line['port']}"
        if not line["host"]:
            how = f"UART {serial} of the board, {line['baud']} baud, 8{line['parity']}"
            how += str(line["stop_bits"])
            serial += 1
        found.append(f"{line['name']} ({how}): {', '.join(users)}")
    return found + [_told(meter) for meter in config["meters"] if meter["line"] is None]


def _told(meter: Any) -> str:
    """A meter without a line."""
    if host := meter["values.host"]:
        how = f"asked at http://{host}:{meter['values.port']}{meter['values.path']}"
        return f"{meter['name']}: {how}"
    lists = [meter[f"values.{what}"] or [] for what in ("current", "power", "export")]
    topics = {entry.split("#")[0] for entries in lists for entry in entries}
    return f"{meter['name']}: told by the broker on {', '.join(sorted(topics))}"


def _silent(config: Any, image: Any) -> list[str]:
    """What core leaves each device with no instrument, by running it so."""
    for device in range(im.DEVICES):
        image.requests[im.PROOF_RECORD + device] = im.VERDICT_OBEYS
    core = Core(image)
    for step in range((FRESH_S + SILENT_S) * 10):
        if step < FRESH_S * 10:
            for age in image.ages:
                image.live[age] = 0
        image.age(100)
        image.latch()
        core.step(100)
    commands, found = image.commands, []
    for at, device in enumerate(config["devices"]):
        slot = im.PANEL * im.DEVICES + at
        low, high = commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot]
        if device["kind"] == "point":
            least = high >= 6000
            said = f"at most {high / 1000:g} A" if least else "no charging"
        else:
            said = f"{low} to {high} W"
        found.append(f"{device['name']}: {said}")
    return found


def _left(config: Any, rights: Any) -> Iterator[str]:
    kinds = [device["kind"] for device in config["devices"]]
    if rights.circuit.meters and config["nodes"][0]["instrument"] == "ct":
        yield "make calibrate WHAT=wiring WATTS=…: which transformer is which"
        yield "make calibrate WHAT=gain AT=mains …: the service's current"
    if "point" in kinds:
        yield "make calibrate WHAT=gain AT=evse …, WHAT=pilot: the charging point's own"
    for device in config["devices"]:
        if device["kind"] == "converter":
            yield f"make prove DEVICE={device['name']}: it shows that it obeys"
    if config["island.capable"]:
        yield "let an electrician prove bond, switch and stop (docs/hazards.md)"
    if config.weaker:
        yield "make flash KEY=…: options weaker than the rules need the installer's seal"
    yield "make flash SITE=… CIRCUIT=…: onto the board (docs/flashing.md)"
