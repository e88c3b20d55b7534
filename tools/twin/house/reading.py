# islet: what the devices on the bus show in their registers.
# GPL-3.0-or-later
"""A device puts what it measures into its registers whenever something happens in the house, its
meter measures, and at each whole second; in between they stand still, whoever reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from . import House
    from .inverter import Inverter
    from .meter import Meter


class OfMeter(NamedTuple):
    """Per leg volts, amps with the sign of the power, and watts."""

    volts: tuple[float, ...]
    amps: tuple[float, ...]
    watts: tuple[float, ...]
    hz: float
    import_wh: float
    export_wh: float


class OfConverter(NamedTuple):
    """Load convention; `w` and `a` as it says, `soc_percent` too."""

    mode: str
    fault: str
    connected: bool
    plugged: bool
    w: float
    a: tuple[float, ...]
    v: tuple[float, ...]
    hz: float
    capacity_wh: float
    soc_percent: float
    detects: bool  # active detection of an island
    boots: int
    asleep: bool
    charged_wh: float
    discharged_wh: float


# second of the house, meters and converters in the order of the house's rows
Readings = tuple[int, tuple[OfMeter, ...], tuple[OfConverter, ...]]


def of_house(house: House) -> Readings:
    meters = tuple([of_meter(meter) for meter in house.meters])
    converters = tuple([of_converter(converter) for converter in house.converters])
    return house.now_us // 1_000_000, meters, converters


def of_meter(m: Meter) -> OfMeter:
    return OfMeter(m.volts, m.amps, m.watts, m.hz, m.import_wh, m.export_wh)


def of_converter(c: Inverter) -> OfConverter:
    watts, amps = c.report()
    battery, told = c.battery, c.soc_told_percent
    soc_percent = battery.soc_percent if told is None else told
    return OfConverter(
        *(c.mode, c.fault, c.connected, c.plugged, watts, amps, c.v, c.hz),
        *(battery.capacity_wh, soc_percent, c.watch.anti_islanding, c.boots),
        *(c.ways.asleep, c.charged_wh, c.discharged_wh),
    )
