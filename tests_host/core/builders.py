"""Process images for tests: fields by name, and a healthy house to start from."""

from __future__ import annotations

from array import array

from firmware import image as fields
from firmware.image import Image
from firmware.people import leases
from tests_host.fields import COLUMNS_OF, at, columns, proved

HEALTHY_SITE = {
    "LEG_COUNT": 3,
    "NODE_COUNT": 3,
    "NODE_PARENT": (-1, 0, 0),
    "NODE_RATING_MA": (63_000, 40_000, 32_000),
    "NODE_INSTRUMENT": (
        fields.INSTRUMENT_METER,
        fields.INSTRUMENT_POINT,
        fields.INSTRUMENT_DEVICE,
    ),
    "EVSE_NODE": 1,
    "EVSE_LEGS": 1,
    "EVSE_MAX_MA": 32_000,
    "EVSE_RESPONSE_MS": 5_000,
    "INVERTER_NODE": 2,
    "INVERTER_LEGS": 3,
    "INVERTER_CHARGE_W": 5_000,
    "INVERTER_DISCHARGE_W": 5_000,
    "ENTER_DELAY_MS": 1_000,
    "ENTER_RAMP_MS": 0,
}
HEALTHY_READINGS = {
    "POINT_HIGH_MV": 12_000,
    "POINT_LOW_MV": 12_000,
    "POINT_PROXIMITY_OHM": 220,
    "FAST_GRID_MV": (230_000, 230_000, 230_000),
    "GRID_MV": (230_000, 230_000, 230_000),
    "GRID_MHZ": 50_000,
    "HOUSE_MV": (230_000, 230_000, 230_000),
    "HOUSE_MHZ": 50_000,
    "INVERTER_MODE": fields.MODE_FOLLOW,
    "INVERTER_PLUGGED": 1,
    "INVERTER_CHARGE_MAX_W": 5_000,
    "INVERTER_DISCHARGE_MAX_W": 5_000,
    "SOC_PERMILLE": 600,
    "ANTI_ISLANDING": 1,
}
HEALTHY_REQUESTS = {
    "RESERVE_PERMILLE": 300,
    "OUTAGE_RESERVE_PERMILLE": 100,
}


def put(section: array[int], **values: int | tuple[int, ...]) -> None:
    """Set fields by their names; a tuple fills a block from its start. TOPOLOGY is that of
    `columns`."""
    topology = values.pop("TOPOLOGY", 0)
    assert isinstance(topology, int)
    for name, value in values.items():
        index = at(name)
        for offset, item in enumerate(value if isinstance(value, tuple) else (value,)):
            section[index + offset] = item
    if topology or not COLUMNS_OF.isdisjoint(values):
        columns(section, topology)


def make_fresh(section: array[int]) -> None:
    """Every age among the readings becomes 0."""
    for _, index, count, unit, *_ in fields.READINGS.rows:
        if unit == "age":
            for i in range(index, index + count):
                section[i] = 0


def healthy(**site: int | tuple[int, ...]) -> Image:
    """A three-phase T1 house, nothing plugged in, everything measured just now, on the grid."""
    image = Image()
    put(image.site, **{**HEALTHY_SITE, **site})
    put(image.live, **HEALTHY_READINGS)
    make_fresh(image.live)
    put(image.requests, **HEALTHY_REQUESTS)
    put(image.commands, ISLAND_STATE=fields.ISLAND_GRID, GRID_STATE=fields.GRID_IN_SERVICE)
    proved(image)
    image.latch()
    return image


def wish(image: Image, device: int, low: int, high: int, ttl_ms: int = 600_000) -> None:
    """The owner's goal, as policy says it."""
    requests = image.requests
    for name, value in (("LOW", low), ("HIGH", high), ("TTL_MS", ttl_ms)):
        requests[getattr(fields, f"MARKET_{name}") + device] = value
    requests[fields.MARKET_SEQ + device] += 1


def order(
    image: Image, device: int, low: int, high: int, ttl_ms: int = -1, issuer: int = 0
) -> None:
    """What an issuer says in place of all it said before; TTL -1 until released, 0 releases."""
    leases.release(image, issuer, device)
    if ttl_ms:
        ttl_s = None if ttl_ms < 0 else ttl_ms // 1000
        leases.give(image, issuer, device, min(low, 0), max(high, 0), ttl_s)
