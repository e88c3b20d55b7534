"""How long a connection to the broker has lasted is told by the clock, whatever sending takes."""

from __future__ import annotations

import asyncio

import pytest

from firmware import image as im
from firmware.net import mqtt as mqtt_module
from tests_host.net.mqtt_kit import link

SENDING_MS = 800  # each state, behind a slow network
LOST_MS = 11_500


class Lost(Exception):
    pass


def attempts(site: im.Image, monkeypatch: pytest.MonkeyPatch) -> int:
    """Those that count after a connection of LOST_MS."""
    mqtt = link(site, 1)
    now_ms = 0

    async def sleep(ms: int) -> None:
        nonlocal now_ms
        now_ms += ms
        if now_ms >= LOST_MS:
            raise Lost

    async def send_state(*_: object) -> None:
        await sleep(SENDING_MS)

    async def nothing(*_: object) -> None:
        mqtt._silent_ms = 0

    class Wire:
        send = nothing

        def begin(self) -> None:
            pass

    monkeypatch.setattr(mqtt_module, "sleep_ms", sleep)
    monkeypatch.setattr(mqtt_module, "ticks_ms", lambda: now_ms)
    monkeypatch.setattr(mqtt, "_send_state", send_state)
    monkeypatch.setattr(mqtt, "_send_waiting", nothing)
    monkeypatch.setattr(mqtt, "_failure", None)
    signatures = iter(range(1_000))
    monkeypatch.setattr(mqtt.state, "signature", lambda: next(signatures))
    mqtt._attempt = 5
    mqtt._silent_ms = 0
    with pytest.raises(Lost):
        asyncio.run(mqtt._talk(Wire()))  # type: ignore[arg-type]
    return mqtt._attempt


def test_ten_seconds_settle_a_connection(site: im.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    assert attempts(site, monkeypatch) == 0


def test_time_counted_in_ticks_would_be_noticed(
    site: im.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_module, "ticks_diff", lambda *_: mqtt_module._TICK_MS)
    assert attempts(site, monkeypatch) == 5
