"""What the panel begins with, and a device's least."""

from __future__ import annotations

from firmware import image as f
from firmware.core import Core
from firmware.core.panel.layout import D_LEAST_MA, D_ROW
from tests_host.core.builders import healthy
from tests_host.fields import EVSE, INVERTER

STEP_MS = 100


def test_each_devices_response_is_the_declared_one_until_it_is_learned() -> None:
    image = healthy(EVSE_RESPONSE_MS=5_000, INVERTER_RESPONSE_MS=1_300)
    Core(image).step(STEP_MS)
    learned = f.LEARNED_RESPONSE_MS
    assert [image.commands[learned + d] for d in (EVSE, INVERTER)] == [5_000, 1_300]


def test_a_converters_least_is_its_power_spread_over_its_legs() -> None:
    """2 kW on three legs of 230 V: the least current on which it is served at all."""
    image = healthy()
    image.site[f.DEVICE_LEAST + INVERTER] = 2_000
    core = Core(image)
    core.step(STEP_MS)
    assert core.panel.devices.rows[INVERTER * D_ROW + D_LEAST_MA] == 2_000 // 3 * 1000 // 230
