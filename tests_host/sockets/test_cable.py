"""The LAN8720 against a strict network.LAN, written from ports/esp32/network_lan.c (1.25)."""

from __future__ import annotations

from typing import Any

import pytest

from firmware import image as im
from firmware.sockets import cable
from firmware.sockets.cable import Cable
from tests_host.net.small_site import make_site

PHY = (23, 18, 1, 0, 0, 16)  # a WT32-ETH01's: mdc, mdio, address, clock into GPIO 0, power
KNOWN = {"id", "mdc", "mdio", "reset", "power", "phy_addr", "phy_type", "spi", "cs", "int"}
KNOWN |= {"ref_clk_mode", "ref_clk"}
INITIALIZED, STARTED, STOPPED, CONNECTED, DISCONNECTED, GOT_IP = range(6)


class Pin:
    """machine.Pin of port esp32: IN is GPIO_MODE_INPUT, OUT GPIO_MODE_INPUT_OUTPUT."""

    IN, OUT = 1, 3

    def __init__(self, number: int) -> None:
        assert 0 <= number <= 39
        self.number = number


class Lan:
    def __init__(self) -> None:
        self.up = False
        self.code = INITIALIZED
        self.dead = False
        self.fixed: tuple[str, ...] | None = None

    def active(self, *value: bool) -> bool:
        if value and value[0] and not self.up:
            if self.dead:
                raise OSError("ethernet enable failed")
            self.up, self.code = True, STARTED
        return self.up

    def status(self, *none: object) -> int:
        assert not none, "lan_status takes nothing"
        return self.code

    def ifconfig(self, *given: tuple[str, ...]) -> tuple[str, ...] | None:
        if given:
            if len(given[0]) != 4 or not all(part.count(".") == 3 for part in given[0]):
                raise ValueError("invalid arguments")
            self.fixed = given[0]
            return None
        if self.fixed:
            return self.fixed
        if self.code == GOT_IP:
            return ("192.168.1.40", "255.255.255.0", "192.168.1.1", "192.168.1.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")


class Network:
    PHY_LAN8710, PHY_LAN8720 = 0, 1

    def __init__(self, image: im.Image) -> None:
        self.image = image
        self.lan = Lan()
        self.host = "mpy-esp32"
        self.made = 0
        self.absent = False

    def hostname(self, name: str) -> None:
        if len(name) > 32:
            raise ValueError
        assert not self.lan.up, "it is told as it goes up"
        self.host = name

    def LAN(self, **said: Any) -> Lan:
        assert not self.image.commands[im.PERMITS], "it holds the loop"
        if not set(said) <= KNOWN:
            raise TypeError("extra keyword arguments given")
        for needed in ("phy_addr", "phy_type"):
            if needed not in said:
                raise TypeError(needed + " argument required")
        if not 0 <= said["phy_addr"] <= 31:
            raise ValueError("invalid phy address")
        if said["phy_type"] not in range(7):
            raise ValueError("invalid phy type")
        for name in ("mdc", "mdio", "reset", "power", "cs", "int", "ref_clk"):
            if name in said and not isinstance(said[name], Pin):
                raise ValueError("expecting a pin")  # machine_pin_get_id
        way = "in" if said.get("ref_clk_mode", Pin.IN) == Pin.IN else "out"
        clock = said["ref_clk"].number if "ref_clk" in said else 0
        assert (clock, way) in ((0, "in"), (0, "out"), (16, "out"), (17, "out")), "ESP-IDF's own"
        self.said = {name: getattr(value, "number", value) for name, value in said.items()}
        if "mdc" not in said or "mdio" not in said:
            raise ValueError("mdc and mdio must be specified")
        self.made += 1
        if self.absent:
            raise OSError("esp_eth_driver_install failed")
        return self.lan


class Rig:
    def __init__(self, given: tuple[str, ...] | None = None, **changes: object) -> None:
        self.image = make_site()
        self.network = Network(self.image)
        phy = {**cable.words_of(PHY, Pin), **changes}
        self.held = 0
        self.cable = Cable(self.network, phy, "islet-1a2b", given, self.image, self.hold, bytes)

    def hold(self, call: Any) -> Any:
        self.held += 1
        return call()


def test_it_gets_an_address_and_says_what_is_missing() -> None:
    rig = Rig()
    reasons = []
    for code in (None, STARTED, CONNECTED, GOT_IP, DISCONNECTED, STOPPED, 9, GOT_IP):
        if code is not None:
            rig.network.lan.code = code
        assert rig.cable.step() == 1_000
        reasons.append(rig.cable.state()["reason"])
        assert (rig.cable.state()["link"] == "up") == (code == GOT_IP)
    assert reasons[2:5] == ["nobody gives an address", "", "no cable"]
    assert reasons[5:7] == ["is stopped", "9"]
    assert rig.cable.state()["address"] == "192.168.1.40" and rig.network.host == "islet-1a2b"
    assert rig.cable.state()["router"] == "192.168.1.1" and rig.held == 1


def test_what_the_circuit_says_is_what_the_port_is_told() -> None:
    rig = Rig()
    rig.cable.step()
    said = {"mdc": 23, "mdio": 18, "phy_addr": 1, "phy_type": 1, "power": 16}
    assert rig.network.said == {**said, "ref_clk": 0, "ref_clk_mode": Pin.IN}
    words = cable.words_of((23, 18, 0, 17, 1, -1), Pin)
    assert words["ref_clk"].number == 17 and words["ref_clk_mode"] == Pin.OUT
    assert "power" not in words


def test_a_fixed_address() -> None:
    rig = Rig(("192.168.7.9", "255.255.255.0", "192.168.7.1", "0.0.0.0"))
    rig.cable.step()
    rig.network.lan.code = GOT_IP
    rig.cable.step()
    assert rig.cable.state()["address"] == "192.168.7.9"


def test_it_waits_until_nothing_is_energised() -> None:
    rig = Rig()
    rig.image.commands[im.PERMITS] = im.OUT_CONTACTOR
    rig.cable.step()
    assert "energised" in rig.cable.reason and not rig.network.made
    rig.image.commands[im.PERMITS] = 0
    rig.cable.step()
    assert rig.network.made == 1


@pytest.mark.parametrize("what", ["absent", "dead", "address", "keyword"])
def test_a_chip_that_is_not_there_is_said(what: str) -> None:
    rig = Rig(phy_addr=40 if what == "address" else 1)
    if what == "absent":
        rig.network.absent = True
    rig.network.lan.dead = what == "dead"
    if what == "keyword":
        rig = Rig(pin=3)
        with pytest.raises(TypeError):
            rig.cable.step()  # a mistake of ours is no state of the network
        return
    assert rig.cable.step() == 60_000, "and tried again, not at once"
    assert "the chip says" in rig.cable.reason and rig.cable.state()["link"] == "absent"
    rig.network.absent = rig.network.lan.dead = False
    if what != "address":
        assert rig.cable.step() == 1_000 and rig.cable.state()["link"] == "down"


def test_each_status_has_words() -> None:
    assert len(cable.STATUS) == 6 and not cable.STATUS[GOT_IP]
    assert all(cable.STATUS[:GOT_IP])
