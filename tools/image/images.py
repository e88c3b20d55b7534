# islet: the images that can be built, one row each.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.image import flash, layout
from tools.micropython.sources import BuildError
from tools.pack import PackError
from tools.pack.__main__ import pack_file
from tools.pack.circuits.chips import RP2040_W
from tools.pack.circuits.pins import uses
from tools.workshop import CACHE, ROOT

HERE = ROOT / "tools" / "image"
CIRCUITS = ROOT / "firmware" / "circuits"


@dataclass(frozen=True)
class Image:
    """What `make image IMAGE=name` builds."""

    name: str
    text: str
    port: str  # MicroPython's
    board: str  # folder in tools/image/boards
    arch: str  # as mpy-cross calls it
    chips: tuple[str, ...]  # circuits that fit, by their `chip`
    circuit: str  # taken when none is named
    needs: tuple[str, ...] = ()  # submodules of an upstream tree; none: Debian has all sources
    taken: Mapping[int, str] = field(default_factory=dict)  # pin -> what the module has there
    lan: bool = False  # firmware/lan is in it: a network of our own driver

    @property
    def rows(self) -> Mapping[str, int]:
        """How many of what the process image holds."""
        return layout.ROWS[self.name]

    @property
    def flash(self) -> flash.Layout:
        """How the chip's flash is divided."""
        return flash.LAYOUTS[self.name]

    @property
    def network(self) -> bool:
        """Whether it reaches one: by its MicroPython's sockets, or by a driver of ours."""
        return self.lan or "lib/lwip" in self.needs or self.port == "esp32"

    @property
    def ethernet(self) -> tuple[str | None, ...]:
        """Which network chips of a circuit it drives, None for none."""
        if self.lan:
            return ("w5500",)
        return (None, "lan8720") if self.port == "esp32" else (None,)

    @property
    def sockets(self) -> bool:
        """Whether firmware/sockets is in it: the network that MicroPython drives by itself."""
        return self.network and not self.lan

    @property
    def folder(self) -> Path:
        chip = "rp2040" if self.port == "rp2" else self.port
        return CACHE / chip / self.name

    @property
    def manifest(self) -> Path:
        return HERE / "manifests" / f"{self.name}.py"

    @property
    def data(self) -> Path:
        """Packed for this image; its manifest names the same folder."""
        return self.folder / "data" / "islet_data.py"


IMAGES = {
    image.name: image
    for image in (
        Image(
            "pico",
            "Raspberry Pi Pico",
            "rp2",
            "islet_pico",
            "armv6m",
            ("rp2040",),
            "pico",
        ),
        Image(
            "pico_eth",
            "Raspberry Pi Pico with a W5500 module",
            "rp2",
            "islet_pico",
            "armv6m",
            ("rp2040",),
            "pico_eth",
            lan=True,
        ),
        Image(
            "pico_w",
            "Raspberry Pi Pico W",
            "rp2",
            "islet_pico_w",
            "armv6m",
            ("rp2040_w", "rp2040"),
            "pico",
            needs=("lib/cyw43-driver", "lib/lwip"),
            taken=RP2040_W.taken,
        ),
        Image(
            "w5500",
            "WIZnet W5500-EVB-Pico",
            "rp2",
            "islet_w5500",
            "armv6m",
            ("rp2040_w5500",),
            "w5500_evb",
            lan=True,
        ),
        Image(
            "esp32",
            "ESP32 with 4 MB",
            "esp32",
            "islet_esp32",
            "xtensawin",
            ("esp32",),
            "esp32",
            needs=("lib/berkeley-db-1.xx",),
        ),
    )
}

REFERENCE = IMAGES["pico"]  # what the tests run on the emulated chip
EMULATED = (REFERENCE, IMAGES["pico_eth"])  # what setup builds
HERE_BUILT = tuple(image for image in IMAGES.values() if image.port == "rp2" and not image.needs)

# for benches alone: what more devices cost on the same chip
EIGHT = replace(REFERENCE, name="eight", text="Raspberry Pi Pico, 8 devices")
BUILT = {**IMAGES, EIGHT.name: EIGHT}  # what can be built here and flashed, and that one


def inputs() -> Iterator[Path]:
    """Every file that may change an image; its sources from elsewhere are pinned by version."""
    yield from (ROOT / "boot.py", ROOT / "main.py", ROOT / "pyproject.toml")
    patterns = {
        "firmware": ("**/*.py", "*/*.json", "web/*"),
        "lib": ("**/*.py",),
        "tools/pack": ("**/*.py",),
        "tools/micropython": ("*.py",),
        "tools/image": ("*.py", "*.json", "boards/**/*", "frozen/**/*", "manifests/*"),
    }
    for folder, wanted in patterns.items():
        found = {path for pattern in wanted for path in (ROOT / folder).glob(pattern)}
        yield from sorted(path for path in found if path.is_file() and path.suffix != ".pyc")


def takes(image: Image, document: Mapping[str, Any]) -> bool:
    """Whether a circuit board's chip is the image's, and its network chip, if it has one."""
    network_chip = document.get("ethernet", {}).get("chip")
    return document.get("chip") in image.chips and network_chip in image.ethernet


def fits(image: Image, circuit: str) -> None:
    """BuildError unless the circuit board is for this image's chip and module."""
    path = CIRCUITS / f"{circuit}.json"
    if not path.exists():
        raise BuildError(f"CIRCUIT: there is no firmware/circuits/{circuit}.json")
    try:
        pack_file(path, "circuits")
    except PackError as error:
        raise BuildError(f"CIRCUIT: {circuit}.json: {error}") from None
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("chip") not in image.chips:
        raise BuildError(
            f"CIRCUIT: {circuit} is for {document.get('chip')}, but IMAGE={image.name} takes "
            f"{' or '.join(image.chips)}; name another board or another circuit"
        )
    if not takes(image, document):
        has = "has no driver for its network chip" if not image.lan else "wants a network chip"
        raise BuildError(f"CIRCUIT: {circuit}: IMAGE={image.name} {has}; name another of both")
    for use in uses(document):
        if use.pin in image.taken:
            raise BuildError(
                f"CIRCUIT: {circuit}.json {use.field}: pin {use.pin} is {image.taken[use.pin]}, "
                f"on a {image.text}; describe your circuit in a JSON of its own and name it"
            )
