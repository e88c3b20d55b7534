"""By TLS to a real broker, in the device's interpreter: who is trusted, and when."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.sockets import tls
from firmware.sockets.tls import Encrypted
from tests_host.net.conftest import Broker, Device
from tests_host.net.tls_kit import Authority
from tools.twin.buses.realbroker import mosquitto_path

pytestmark = pytest.mark.skipif(
    not mosquitto_path() or not shutil.which("openssl"),
    reason="no mosquitto or no openssl: make test installs them as root, and said how without",
)


class Closed(Broker):
    """Speaks TLS alone, with a certificate for one name."""

    def __init__(self, folder: Path, authority: Authority, name: str = "server") -> None:
        super().__init__(folder)
        self._files = [authority.folder / f"{name}{end}" for end in (".crt", ".key")]

    def _command(self) -> list[str]:
        path = mosquitto_path()
        assert path is not None
        certificate, key = self._files
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"certfile {certificate}\nkeyfile {key}\n"
        )
        return [path, "-c", str(config)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("trust") / "ca")
    made.signed("server")
    made.signed("other", "DNS:broker.example.org")
    (made.folder / "ca.der").write_bytes(made.der)
    return made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Authority(tmp_path_factory.mktemp("strangers") / "ca")
    (made.folder / "ca.der").write_bytes(made.der)
    return made.folder / "ca.der"


@pytest.fixture(params=["server", "other"])
def broker(
    tmp_path: Path, authority: Authority, request: pytest.FixtureRequest
) -> Iterator[Closed]:
    it = Closed(tmp_path, authority, request.param)
    it.start()
    yield it
    it.stop()


def connect(waits: bool, file: Path) -> None:
    network = SimpleNamespace(
        reaches=None, waits=lambda: waits, resolve=None, hold=lambda call: call()
    )
    asyncio.run(Encrypted(network, "broker", str(file)).connect(None, 8883, b""))


class Handshake:
    """A socket whose handshake takes some turns, each of which is asked for."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.held = self.flows = self.closed = False
        self.sent = b""
        self.holds = 0

    def hold(self, call: Callable[[], Any]) -> Any:
        assert not self.held
        self.held, self.holds = True, self.holds + 1
        try:
            return call()
        finally:
            self.held = False

    def write(self, data: bytes) -> int | None:
        assert self.held and not self.flows, "INV-9: at zero power, with the watchdog's patience"
        self.turns -= 1
        if self.turns >= 0:
            return None
        self.sent += bytes(data[:3])
        return len(data[:3])

    def close(self) -> None:
        self.closed = True

    async def connect(self, found: Any, port: int, first: bytes) -> Any:
        assert not first
        return SimpleNamespace(s=self)

    def wrap_socket(self, plain: Any, **said: Any) -> Any:
        assert said == {"server_hostname": "broker", "do_handshake_on_connect": False}
        return plain


def shake(sock: Handshake, monkeypatch: pytest.MonkeyPatch, after: int = 99) -> None:
    network: Any = SimpleNamespace(
        reaches=None, waits=lambda: sock.flows, resolve=None, hold=sock.hold, connect=sock.connect
    )
    made = Encrypted(network, "broker", "")
    made._context = sock
    monkeypatch.setattr(asyncio, "StreamReader", lambda sock: sock)

    async def turn(_: int) -> None:
        sock.flows = sock.turns <= after
        await asyncio.sleep(0)

    monkeypatch.setattr(tls, "sleep_ms", turn)
    asyncio.run(made.connect(None, 8883, b"CONNECT"))


def test_each_turn_of_a_handshake_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = Handshake(4)
    shake(sock, monkeypatch, after=-1)
    assert sock.sent == b"CONNECT" and sock.holds == 1 + 4 + 3 and not sock.closed


def test_power_that_begins_to_flow_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = Handshake(4)
    with pytest.raises(OSError, match="zero power only"):
        shake(sock, monkeypatch, after=2)
    assert sock.closed and not sock.sent and sock.turns == 2


def test_without_a_file_nobody_is_trusted(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no file .*ca.der \(mqtt.ca\)"):
        connect(False, tmp_path / "ca.der")


def test_a_handshake_waits_for_zero_power(tmp_path: Path) -> None:
    """INV-9: what holds the loop for as long as it computes."""
    with pytest.raises(OSError, match="zero power only"):
        connect(True, tmp_path / "ca.der")


@pytest.mark.parametrize("broker", ["server"], indirect=True)
def test_the_devices_interpreter_verifies_as_well(
    broker: Closed, authority: Authority, stranger: Path, devices: Callable[..., Device]
) -> None:
    device = devices(broker.port, ca=str(authority.folder / "ca.der"))
    state = device.until(lambda state: state["mqtt"]["connected"])
    assert state["mqtt"]["encrypted"] and state["test"]["blocking"] == []
    device.stop()
    device = devices(broker.port, ca=str(stranger))
    state = device.until(lambda state: "not connected yet" not in state["mqtt"]["error"])
    assert state["mqtt"]["connections"] == 0
    assert "certificate is not correctly signed" in state["mqtt"]["error"]


@pytest.mark.parametrize("broker", ["other"], indirect=True)
def test_it_asks_for_the_name_as_well(
    broker: Closed, authority: Authority, devices: Callable[..., Device]
) -> None:
    device = devices(broker.port, ca=str(authority.folder / "ca.der"))
    state = device.until(lambda state: "not connected yet" not in state["mqtt"]["error"])
    assert "does not match" in state["mqtt"]["error"]
