"""The network as the parts of a board get it; and the same story on both runtimes."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware import sockets
from firmware.image import Image
from firmware.local.responder import Responder
from firmware.net import plain
from firmware.net.plain import Sockets, quiet
from firmware.people.names import Names
from firmware.people.state import State
from firmware.sockets.cable import Cable
from firmware.sockets.wifi import Wifi
from tests_host.conftest import ROOT, RunDevice
from tests_host.net.small_site import make_site, names_of
from tests_host.sockets.device.story import tell
from tests_host.sockets.fake import Network
from tests_host.sockets.kit import PORTS, Box, home
from tests_host.sockets.test_cable import PHY, Pin
from tests_host.sockets.world import World

CHIP = bytes.fromhex("e66164084373532b")
SETTINGS = {
    "wifi": [{"name": "casa", "password": "buongiorno", "hidden": False}],
    "network.name": "",
    "network.country": "",
    "network.address": "",
    "network.mask": "255.255.255.0",
    "network.router": "",
    "network.dns": "",
    "network.time": "pool.ntp.org",
}


class Board:
    PHY: tuple[int, ...] | None = None

    def __init__(self, folder: Path) -> None:
        self.storage = str(folder)
        self.circuit = SimpleNamespace(phy=self.PHY)
        self.patiences: list[int] = []

    def wall_s(self) -> int:
        return -1

    def set_wall(self, seconds: int) -> None:
        raise AssertionError

    def patience(self, ms: int) -> None:
        self.patiences.append(ms)


def made(folder: Path, **settings: object) -> tuple[Any, Any, list[str]]:
    board: Any = Board(folder)
    given = {**SETTINGS, **settings}
    room: Any = sockets if plain.radio() else plain  # as firmware/assembly.py has it
    return room.network(board, Image(), given, CHIP, bytes, lambda *_: None, lambda: True)


@pytest.mark.parametrize("port", PORTS)
def test_a_board_with_a_radio_gets_wifi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setitem(sys.modules, "network", Network(World(home()), port))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "platform", port)
    wifi, tasks, wrong = made(tmp_path)
    assert isinstance(wifi, Wifi) and not wrong
    assert [name for name, _ in tasks] == ["wifi", "names", "time"]
    assert wifi.name == "islet-532b" and wifi.known.networks() == [("casa", "buongiorno", False)]
    wifi, _, wrong = made(tmp_path, **{"network.address": "192.168.0.300"})
    assert wrong == ["network.address: 192.168.0.300 is no address like 192.168.0.20"]
    assert wifi._given is None, "left to DHCP, for the page must be reached"
    outside = {"network.address": "192.168.0.20", "network.router": "192.168.1.1"}
    wifi, _, wrong = made(tmp_path, **outside)
    assert wrong == ["network.router: no host on such a network has it"] and wifi._given is None
    wifi, _, wrong = made(tmp_path, **{**outside, "network.router": "192.168.0.1"})
    assert wifi._given == ("192.168.0.20", "255.255.255.0", "192.168.0.1", "0.0.0.0")
    assert [name for name, _ in made(tmp_path, **{"network.time": ""})[1]] == ["wifi", "names"]


def test_a_board_with_a_cable_gets_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port: Any = Network(World(home()), "esp32")
    monkeypatch.setitem(sys.modules, "network", port)
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(Pin=Pin))
    monkeypatch.setattr(Board, "PHY", PHY)
    lan, tasks, wrong = made(tmp_path, **{"network.address": "192.168.0.20"})
    assert isinstance(lan, Cable) and not wrong
    assert [name for name, _ in tasks] == ["ethernet", "time"]
    assert lan._given == ("192.168.0.20", "255.255.255.0", "0.0.0.0", "0.0.0.0")
    assert lan._phy["mdc"].number == 23
    assert isinstance(lan.responder(80), Responder)
    assert not hasattr(Wifi, "responder"), "MicroPython answers for a name over Wi-Fi by itself"


def test_without_one_it_gets_sockets_alone(tmp_path: Path) -> None:
    network, tasks, wrong = made(tmp_path)
    assert type(network) is Sockets and not tasks
    assert wrong == ["wifi: this board has no radio, leave it empty"]
    assert made(tmp_path, wifi=[])[2] == []


def test_what_holds_the_loop_has_the_watchdogs_patience(tmp_path: Path) -> None:
    board = Board(tmp_path)
    any_board: Any = board
    settings = {**SETTINGS, "wifi": []}
    network, _, _ = plain.network(
        any_board, Image(), settings, CHIP, bytes, lambda *_: None, lambda: True
    )
    found = asyncio.run(network.resolve("127.0.0.1", 80))
    assert found[-1] == ("127.0.0.1", 80)
    assert board.patiences == [plain.LONG_MS, plain.WATCHDOG_MS]
    text = (ROOT / "firmware" / "app.py").read_text()
    assert f"WATCHDOG_MS = {plain.WATCHDOG_MS}\n" in text.replace("_000", "000")


def test_names_wait_while_power_flows() -> None:
    image = make_site()
    assert quiet(image) and not Sockets(image).waits()
    from firmware import image as im

    image.commands[im.PERMITS] = im.OUT_CONTACTOR
    assert not quiet(image) and Sockets(image).waits()


def serve_once(network: Wifi, app: Any) -> None:
    """Begin to serve, and end."""

    async def go() -> None:
        task = asyncio.create_task(network.serve(app, "127.0.0.1", 0))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(go())


# --- through http ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "guest", "status"),
    [
        ("/generate_204", True, 302),
        ("/wifi", True, 200),
        ("/api/state", True, 200),
        ("/generate_204", False, 404),
        ("/wifi", False, 404),
    ],
)
def test_http_asks_the_portal_for_what_it_does_not_know(
    tmp_path: Path, path: str, guest: bool, status: int
) -> None:
    http_module = importlib.import_module("firmware.net.http")
    client = importlib.import_module("microdot.test_client").TestClient
    box = Box(tmp_path, "rp2", World(home())).run(12)
    if guest:
        box.wifi.opened = "127.0.0.9"  # the test's client is 127.0.0.1
    image = make_site()
    names: Names = names_of(image)
    settings = {"http.host": "0.0.0.0", "http.port": 80, "http.name": "", "http.token": ""}
    http = http_module.Http(settings, State(image, "home", names))
    serve_once(box.wifi, http.app)

    async def go() -> Any:
        return await client(http.app).get(path)

    answer = asyncio.run(go())
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["Location"] == "http://127.0.0.9/wifi"


def test_the_portal_reads_a_form_through_http(tmp_path: Path) -> None:
    http_module = importlib.import_module("firmware.net.http")
    client = importlib.import_module("microdot.test_client").TestClient
    box = Box(tmp_path, "esp32", World(home())).run(12)
    box.wifi.opened = "127.0.0.9"
    image = make_site()
    http = http_module.Http(
        {"http.host": "0.0.0.0", "http.port": 80, "http.name": "", "http.token": ""},
        State(image, "home", names_of(image)),
    )
    serve_once(box.wifi, http.app)

    async def go(host: str) -> Any:
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Host": host}
        return await client(http.app).post("/wifi", kind, b"name=casa&key=buongiorno")

    assert asyncio.run(go("evil.example")).status_code == 403
    assert not box.known.networks() or box.known.networks()[0][0] != "casa"
    assert "casa is kept" in asyncio.run(go("127.0.0.9")).text
    assert box.known.networks()[0][0] == "casa"


# --- both runtimes --------------------------------------------------------------------------


@pytest.mark.parametrize("port", PORTS)
def test_both_runtimes_tell_the_same(tmp_path: Path, run_device: RunDevice, port: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here = tell(port, f"{tmp_path}/a/")
    script = f"""
import json
from tests_host.sockets.device.story import tell
print(json.dumps(tell({port!r}, {f"{tmp_path}/b/"!r})))
"""
    assert json.loads(run_device(script)) == here
    assert any("its password is wrong" in line for line in here)
    assert any(line.startswith("joined") for line in here)


def test_what_is_forgotten_with_the_people_is_what_was_typed() -> None:
    """Two rooms that do not know one another name the same file and list."""
    from firmware.access import forget
    from firmware.sockets import known

    assert forget.TYPED == known.PATH and forget.NETWORKS in SETTINGS
