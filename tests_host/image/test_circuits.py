"""Which circuit board goes into which image, and what is packed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests_host.pack.test_pack import load
from tools.image import build as image
from tools.image.images import IMAGES, fits
from tools.micropython.sources import BuildError
from tools.pack.__main__ import main as pack


@pytest.mark.parametrize(
    ("board", "circuit", "said"),
    [
        ("pico", "nobody", "CIRCUIT: there is no firmware/circuits/nobody.json"),
        ("pico", "esp32", "CIRCUIT: esp32 is for esp32, but IMAGE=pico takes rp2040"),
        ("esp32", "pico", "CIRCUIT: pico is for rp2040, but IMAGE=esp32 takes esp32"),
        ("pico", "host", "CIRCUIT: host is for host, but IMAGE=pico takes rp2040"),
        ("pico", "pico_eth", "pico has no driver for its network chip"),
        ("pico_eth", "pico", "pico_eth wants a network chip"),
        ("w5500", "pico", "pico is for rp2040, but IMAGE=w5500 takes rp2040_w5500"),
        ("w5500", "pico_eth", "takes rp2040_w5500"),
        ("esp32", "pico_eth", "pico_eth is for rp2040, but IMAGE=esp32 takes esp32"),
        ("pico_w", "pico_eth", "pico_w has no driver for its network chip"),
        ("pico_eth", "w5500_evb", "takes rp2040;"),
    ],
)
def test_what_does_not_fit_is_refused(board: str, circuit: str, said: str) -> None:
    with pytest.raises(BuildError) as caught:
        fits(IMAGES[board], circuit)
    assert said in str(caught.value)


@pytest.mark.parametrize("board", ["pico", "pico_eth", "pico_w", "w5500", "esp32"])
def test_the_reference_circuits_fit(board: str) -> None:
    fits(IMAGES[board], IMAGES[board].circuit)


def test_an_esp32_goes_with_a_cable_and_without() -> None:
    for circuit in ("esp32", "esp32_lan8720"):
        fits(IMAGES["esp32"], circuit)


@pytest.mark.parametrize("board", ["pico_w", "esp32"])
def test_what_cannot_be_built_here_says_what_can(
    board: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MPY_TREE", raising=False)
    assert image.main([board]) == 1
    said = capsys.readouterr().err
    assert "MPY_TREE=" in said and "CHECK=1" in said


def test_a_tree_without_the_drivers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MPY_TREE", str(tmp_path))
    assert image.main(["pico_w"]) == 1
    assert "git submodule update --init lib/cyw43-driver" in capsys.readouterr().err


@pytest.mark.parametrize("circuit", ["pico", "esp32"])
def test_one_circuit_is_packed_alone(circuit: str, tmp_path: Path) -> None:
    assert pack(["--circuit", circuit, "--target", str(tmp_path / "islet_data.py")]) == 0
    data = load(tmp_path / "islet_data.py")
    assert circuit == data.CIRCUIT and list(data.CIRCUITS) == [circuit]
    assert pack(["--target", str(tmp_path / "all" / "islet_data.py")]) == 0
    every = load(tmp_path / "all" / "islet_data.py")
    assert every.CIRCUIT == "host" and {"host", circuit} <= set(every.CIRCUITS)
    assert every.CIRCUITS[circuit] == data.CIRCUITS[circuit]
    assert every.GRIDCODES == data.GRIDCODES and every.PROFILES == data.PROFILES


def test_an_unknown_circuit_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "islet_data.py"
    assert pack(["--circuit", "nobody", "--target", str(target)]) == 1
    assert "firmware/circuits: no nobody.json, there are " in capsys.readouterr().err
    assert not target.exists()
