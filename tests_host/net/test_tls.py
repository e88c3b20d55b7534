"""By TLS to a real broker, in the device's interpreter: who is trusted, and when."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

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
    network = SimpleNamespace(waits=lambda: waits, resolve=None)
    asyncio.run(Encrypted(network, "broker", str(file)).connect(None, 8883, b""))


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
