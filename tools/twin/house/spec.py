# islet: what a simulated house is made of: every field, its unit, range, default and meaning.
# GPL-3.0-or-later
"""The declaration of a house, as dataclasses whose fields carry their own documentation.

The JSON schema of scenarios and the tables of the README are generated from these fields
(`tools/twin/scenario.py`), so a field is described once. Numbers without a source are typical
values chosen for the simulation, not requirements.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .field import (
    CHANNELS,
    REQUIRED,
    choice,
    declared,
    flag,
    from_dict,
    harmonics,
    number,
    part,
    parts,
    per_channel,
    schema_of,
    several,
    whole,
    wired,
    word,
)

__all__ = ["CHANNELS", "LEGS", "HouseSpec", "from_dict", "schema_of"]

CURVES = ("B", "C", "D", "UL489", "none")
LEGS = ("l1", "l2", "l3")
FAMILIES = tuple(
    sorted(path.stem for path in (Path(__file__).parents[1] / "buses/families").glob("*.json"))
)
BREAKS = ("contactor", "enable", "bond", "loads", "island")


@dataclass
class Place:
    latitude: float = number(52.5, -66, 66, "degrees north")
    longitude: float = number(13.4, -180, 180, "degrees east")
    altitude_m: float = number(50, -400, 5000, "metres above sea")


@dataclass
class GridSpec:
    r_ohm: float = number(0.10, 0.001, 5, "resistance of the supply, per leg")
    x_ohm: float = number(0.08, 0, 5, "reactance of the supply, per leg")
    voltage_pu: float = number(1.0, 0, 1.5, "open-circuit voltage, of nominal")
    wander_hz: float = number(0.0, 0, 0.2, "standard deviation of the slow frequency wander")
    earth_ohm: float = number(
        20, 0.1, 10_000, "earth electrode on our side of a lost PEN; large: none to speak of"
    )
    earthing: str = choice(
        "tn_c_s", ("tn_c_s", "tn_s", "tt"), "tn_c_s: a car's body hangs on the neutral (PEN)"
    )
    street_w: list[float] = declared(
        {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 3, "maxItems": 3},
        [0, 0, 0],
        "neighbours on our side of a lost PEN, by leg of the street; ours are its first",
    )
    neighbour_w: float = number(
        0, 0, 1e6, "load of the neighbours on our side of an upstream break, per leg"
    )


@dataclass
class CircuitSpec:
    name: str = word(REQUIRED, "circuit; node names of the site need not match")
    parent: str | None = declared(
        {"type": ["string", "null"]}, None, "feeding circuit; absent: the service entrance"
    )
    breaker_a: float = number(REQUIRED, 1, 2000, "rated current of its breaker")
    curve: str = choice("C", CURVES, "IEC 60898 B, C, D; UL489; none: never trips")
    bus_a: float = number(0, 0, 2000, "rating of the busbar behind it, 0 none")
    cable_a: float = number(0, 0, 2000, "what its conductors bear, 0 as its breaker")
    neutral_a: float = number(0, 0, 2000, "what its neutral bears, 0 as its legs")


@dataclass
class ApplianceSpec:
    name: str = word(REQUIRED, "appliance; events switch it as loads.<name>")
    kind: str = choice(
        "custom", ("oven", "kettle", "heat_pump", "custom"), "pattern of use when `at` is absent"
    )
    w: float = number(REQUIRED, 1, 50_000, "power when on, all its legs together")
    legs: list[int] = declared(
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 3},
            "minItems": 1,
            "uniqueItems": True,
        },
        [1],
        "legs it uses",
    )
    circuit: str | None = word(None, "circuit it hangs on; absent: that of the loads")
    power_factor: float = number(1.0, 0.5, 1, "inductive")
    sheddable: bool = flag(False, "behind the sheddable-load contactor")
    at: list[str] | None = declared(
        {"type": "array", "items": {"type": "string", "pattern": "^([01]\\d|2[0-3]):[0-5]\\d$"}},
        None,
        "local times it is switched on; absent: by kind and seed; []: only by events",
    )
    minutes: float = number(30, 0.1, 1440, "how long it stays on")


@dataclass
class LoadsSpec:
    circuit: str | None = word(None, "circuit of the base load; absent: the service itself")
    annual_kwh: float = number(3500, 0, 100_000, "yearly consumption of the base load")
    profile: str = choice(
        "h0_dyn", ("h0", "h0_dyn", "g0", "l0", "none"), "BDEW standard profile (demandlib)"
    )
    power_factor: float = number(0.97, 0.5, 1, "inductive")
    flicker_percent: float = number(3, 0, 50, "random change of the base load, each second")
    appliances: list[ApplianceSpec] = parts(ApplianceSpec, "steps on top of the base load")


@dataclass
class WatchSpec:
    """Protection of a grid-following source, its own and not islet's."""

    v_low_pu: float = number(0.80, 0, 1, "under-voltage trip, of nominal")
    v_high_pu: float = number(1.15, 1, 1.5, "over-voltage trip, of nominal")
    f_low_hz: float = number(-2.5, -20, 0, "under-frequency trip, from nominal")
    f_high_hz: float = number(1.5, 0, 20, "over-frequency trip, from nominal")
    trip_s: float = number(0.2, 0.02, 10, "time beyond a level before it trips")
    reconnect_s: float = number(60, 0, 3600, "time inside the window before it connects")
    anti_islanding: bool = flag(True, "active detection of an unintended island")
    detect_s: float = number(0.8, 0.05, 60, "time active detection takes")


@dataclass
class SourceSpec:
    name: str = word(REQUIRED, "the source, as PV or a generator")
    kind: str = choice("pv", ("pv", "steady"), "pv: as the sun gives; steady: w_peak all the time")
    circuit: str = word(REQUIRED, "its circuit")
    w_peak: float = number(REQUIRED, 1, 1e6, "power of the modules, or of the generator")
    w_rated: float | None = number(None, 1, 1e6, "rating of its inverter; absent: w_peak")
    legs: list[str] | None = wired("legs of its inverter")
    tilt_deg: float = number(35, 0, 90, "tilt of the modules")
    azimuth_deg: float = number(180, 0, 360, "azimuth, 180 is south")
    temperature_c: float = number(15, -40, 50, "air temperature")
    linke_turbidity: float = number(3.0, 1, 10, "haze of the clear sky")
    cloud: float = number(1.0, 0, 1.2, "factor on the clear sky; events and traces drive it")
    droop_start_hz: float = number(0.2, 0, 5, "frequency-watt starts so far above nominal")
    droop_percent_per_hz: float = number(40, 0, 500, "frequency-watt, % of rating per Hz")
    ramp_s: float = number(60, 0, 3600, "from zero to rating after connecting")
    watch: WatchSpec = part(WatchSpec, "its own grid protection")


@dataclass
class StorageSpec:
    name: str = word(REQUIRED, "a battery that islet does not command")
    circuit: str = word(REQUIRED, "its circuit")
    legs: list[str] | None = wired("its legs")
    power_w: float = number(3000, 0, 1e6, "most it draws or delivers")
    capacity_kwh: float = number(10, 0.1, 1000, "battery")
    soc_percent: float = number(50, 0, 100, "state of charge at the start")
    goal_w: float = number(0, -1e6, 1e6, "holds the service's power here, all legs summed")
    period_s: float = number(1, 0.1, 60, "looks and moves so often")
    gain: float = number(0.6, 0.05, 1, "moves by this part of what is missing")
    watch: WatchSpec = part(WatchSpec, "its own grid protection")


@dataclass
class CarSpec:
    name: str = word(REQUIRED, "the car")
    at: str = word(REQUIRED, "point it is plugged into, or converter (gateway)")
    plugged: bool = flag(True, "connected at the start")
    wants: bool = flag(True, "asks for energy")
    capacity_kwh: float = number(60, 1, 1000, "usable battery")
    soc_percent: float = number(50, 0, 100, "state of charge at the start")
    target_percent: float = number(100, 1, 100, "stops asking here")
    taper_percent: float = number(80, 1, 100, "charging power falls from here to a tenth at 100 %")
    legs: int = whole(3, 1, 3, "phases of the onboard charger: the first legs of its point")
    min_a: float = number(6, 0, 80, "least charging current")
    max_a: float = number(16, 6, 80, "most, per leg")
    efficiency: float = number(0.92, 0.5, 1, "of the onboard charger")
    reaction_s: float = number(1.0, 0, 60, "delay to a changed offer (IEC 61851-1 allows 5 s)")
    start_s: float = number(1.0, 0, 60, "from mains to first current")
    up_a_per_s: float = number(5, 0.1, 1000, "ramp upwards")
    down_a_per_s: float = number(20, 0.1, 1000, "ramp downwards")
    unplug_ms: float = number(200, 0, 5000, "power pins part so long after the pilot's pin")
    proximity_ohm: float = number(220, 0, 1e6, "resistor in the cable's plug, 220 is 32 A")
    ventilation: bool = flag(False, "asks for ventilation (state D)")
    diode: bool = flag(True, "false: pilot diode missing")
    pilot: str = choice("normal", ("normal", "open", "short"), "fault of the pilot wire")
    ignores_offer: bool = flag(False, "draws max_a whatever is offered, even none")
    keeps_drawing: bool = flag(False, "does not stop when the offer is withdrawn")
    overdraw_a: float = number(0, 0, 80, "draws so much more than offered")


@dataclass
class RelaySpec:
    close_ms: float = number(60, 0, 1000, "coil on to main contacts closed")
    open_ms: float = number(20, 0, 1000, "coil off to main contacts open")
    bounce_ms: float = number(2, 0, 5000, "auxiliary contact bounces so long")
    aux_delay_ms: float = number(0, 0, 5000, "auxiliary contact answers later by so much")
    aux_follows: str = choice(
        "contact", ("contact", "coil"), "what moves the auxiliary: the main contacts, or a lie"
    )


@dataclass
class PointSpec:
    """A local charging point: pilot and contactor of islet's own board, in the board's order."""

    name: str = word(REQUIRED, "the charging point")
    circuit: str = word(REQUIRED, "its circuit")
    legs: list[str] | None = wired("legs of its contactor, a car's first phase first")
    contactor: RelaySpec = part(RelaySpec, "charging contactor, or a gateway's isolation")
    release: bool = flag(
        True, "output release, where a board has it, trips the point's upstream protection"
    )


@dataclass
class SunSpecSpec:
    end_model: bool = flag(True, "its chain ends with 0xFFFF; false: with its last model")
    longer_by: int = whole(0, 0, 60, "registers that each model has beyond its own layout")
    unused_factors: bool = flag(True, "false: scale factors nobody needs are not implemented")
    anti_islanding: bool = flag(True, "704.AntiIslEna is there; false: not implemented")


@dataclass
class ConverterSpec:
    """A bidirectional inverter or gateway; a car stands behind it where a car is `at` it."""

    name: str = word(REQUIRED, "the converter")
    circuit: str | None = word(None, "its circuit; absent: that of its point")
    point: str | None = word(None, "point whose contactor lies in its circuit; absent: none")
    line: str | None = word(None, "line it answers on; absent: the first")
    address: int = whole(2, 1, 247, "its Modbus address")
    base: int = whole(40_000, 0, 60_000, "its first SunSpec register")
    family: str = choice("", ("", *FAMILIES), "whose registers and ways it has; empty: SunSpec")
    enable: str | None = word(
        "enable", "output of the board that is its hard-wired enable; null: it needs none"
    )
    legs: list[str] | None = wired("its legs")
    charge_w: float = number(5000, 0, 1e6, "most it draws")
    discharge_w: float = number(5000, 0, 1e6, "most it delivers")
    response_s: float = number(0.3, 0, 60, "delay before it starts to follow a setpoint")
    ramp_w_per_s: float = number(10_000, 10, 1e7, "ramp")
    efficiency: float = number(0.95, 0.5, 1, "one way")
    capacity_kwh: float = number(10, 0.1, 1000, "battery, unless a car is behind it")
    soc_percent: float = number(50, 0, 100, "state of charge at the start")
    min_soc_percent: float = number(5, 0, 100, "its own floor")
    max_soc_percent: float = number(100, 0, 100, "its own ceiling")
    enable_ms: float = number(10, 0, 20, "hard-wired enable removed to no current")
    overshoot_s: float = number(2, 0.01, 60, "its fault overshoot_percent lasts so long")
    stop_ms: float = number(60, 0, 5000, "stop command to no current")
    heartbeat_s: float = number(0, 0, 600, "no controller heartbeat for so long: zero; 0 off")
    can_form: bool = flag(True, "able to form an island")
    bonds_itself: bool = flag(False, "bonds neutral and earth by itself while it forms")
    form_delay_s: float = number(0.3, 0, 60, "dead terminals before it starts to form")
    soft_start_s: float = number(0.6, 0.01, 30, "voltage ramp of a black start")
    form_ohm: float = number(0.10, 0.001, 5, "output resistance while forming, per leg")
    overload_pu: float = number(1.1, 1, 5, "overload trips after overload_s beyond this")
    overload_s: float = number(5, 0.01, 600, "")
    surge_pu: float = number(1.8, 1, 10, "collapses within 20 ms beyond this")
    retry_s: float = number(15, 0, 3600, "clears its own fault after; 0 only by reset")
    shift_hz: float = number(2.0, 0, 5, "most frequency shift when it can take no more")
    watch: WatchSpec = part(WatchSpec, "grid protection (reconnect_s 5)", reconnect_s=5)
    sunspec: SunSpecSpec = part(SunSpecSpec, "what its registers are like")


@dataclass
class MeterSpec:
    name: str = word(REQUIRED, "the meter")
    circuit: str | None = word(None, "circuit it measures; absent: the service entrance")
    line: str | None = word(None, "line it answers on; absent: the first")
    address: int = whole(1, 1, 247, "its Modbus address")
    profile: str = choice("sdm630", ("sdm630",), "whose registers it has")
    legs: list[str] | None = wired("leg of each of its channels")
    update_s: float = number(0.5, 0.05, 60, "its own measuring period")
    gain_permille: float = number(0, -100, 100, "error of current and power")


@dataclass
class RecordingSpec:
    """What `make probe ARGS=--record` wrote, as a device that answers the same for ever."""

    name: str = word(REQUIRED, "the device")
    file: str = declared({"type": "string", "minLength": 1}, REQUIRED, "beside the scenario")
    line: str | None = word(None, "line it answers on; absent: the first")
    address: int = whole(1, 0, 247, "its Modbus address")


@dataclass
class LineSpec:
    """An RS-485 line, on the board's UARTs in their order; with a port Modbus TCP."""

    name: str = word(REQUIRED, "the line")
    baud: int = whole(19_200, 1200, 115_200, "bits per second")
    parity: str = choice("N", ("N", "E", "O"), "parity")
    port: int = whole(0, 0, 65_535, "of the network, instead of a UART: Modbus TCP; 0 none")


@dataclass
class RelaysSpec:
    island: RelaySpec = part(RelaySpec, "islanding switch with its mirror contact")
    bond: RelaySpec = part(RelaySpec, "neutral-earth bond of the island")
    loads: RelaySpec = part(RelaySpec, "sheddable loads")
    neutral_switched: bool = flag(True, "the islanding switch also opens the neutral")
    dead_permissive: bool = flag(True, "hardware lets it close onto a dead island only")
    dead_ms: float = number(50, 0, 1000, "island without voltage before the contact says so")
    bond_hold_ms: float = number(
        0,
        0,
        10_000,
        "stored energy holds the bond so long after the enable fell, and on a live "
        "island; 0 none. Needs switch_excluded",
    )
    switch_excluded: bool = flag(
        False, "the switch's closing coil runs through a contact closed only with the bond open"
    )
    voltage_relay_ms: float = number(
        0,
        0,
        5000,
        "voltage relay in the enable: over 1.2, under 0.5 once good, or a lost neutral "
        "for so long; 0 none",
    )


@dataclass
class SensorsSpec:
    noise_codes: float = number(1.5, 0, 100, "standard deviation, codes of the 12-bit converter")
    gain_permille: dict[str, float] = per_channel(-2000, 1000, "gain error; −2000: CT reversed")
    offset_codes: dict[str, float] = per_channel(-2048, 2047, "offset, codes")
    phase_deg: dict[str, float] = per_channel(-90, 90, "phase error")
    voltage_harmonics: list[list[float]] = harmonics(
        [[5, 0.02], [7, 0.01]], "rows of order, part of the fundamental"
    )
    current_harmonics: list[list[float]] = harmonics([[3, 0.05], [5, 0.03]], "likewise")

    def instruments(self) -> dict[str, Any]:
        """The same with channel numbers and tuples, as the sample synthesis takes them."""

        def numbered(values: dict[str, float]) -> dict[int, float]:
            return {CHANNELS.index(k): v for k, v in values.items()}

        return {
            "noise_codes": self.noise_codes,
            "gain_permille": numbered(self.gain_permille),
            "offset_codes": numbered(self.offset_codes),
            "phase_deg": numbered(self.phase_deg),
            "voltage_harmonics": tuple((int(o), f) for o, f in self.voltage_harmonics),
            "current_harmonics": tuple((int(o), f) for o, f in self.current_harmonics),
        }


@dataclass
class ProtectionSpec:
    estop: bool = flag(False, "emergency stop pressed")
    rcd: bool = flag(False, "RCD tripped")
    overtemp: bool = flag(False, "too hot")
    ventilation: bool = flag(False, "ventilation confirmed")
    service_switch: bool = flag(False, "service switch pulled: breaks enable and bond pick-up")
    estop_breaks: list[str] = several(
        ["contactor", "enable"], BREAKS, "hard-wired scope of the stop, of " + ", ".join(BREAKS)
    )
    rcd_breaks: list[str] = several(["contactor"], BREAKS, "of the RCD")
    overtemp_breaks: list[str] = several(["contactor"], BREAKS, "of the heat contact")


@dataclass
class HouseSpec:
    legs: int = whole(3, 1, 3, "1 single, 2 split, 3 three phase")
    nominal_v: float = number(230, 100, 260, "leg to neutral")
    nominal_hz: float = declared({"enum": [50, 60]}, 50, "frequency")
    place: Place = part(Place, "for the sun")
    grid: GridSpec = part(GridSpec, "the supply")
    circuits: list[CircuitSpec] = parts(CircuitSpec, "tree; one has no parent", at_least=1)
    loads: LoadsSpec = part(LoadsSpec, "what the house uses")
    points: list[PointSpec] = parts(PointSpec, "charging points of islet's board")
    cars: list[CarSpec] = parts(CarSpec, "cars, each at its place")
    converters: list[ConverterSpec] = parts(ConverterSpec, "bidirectional, commanded by islet")
    sources: list[SourceSpec] = parts(SourceSpec, "PV and other sources with their inverters")
    storages: list[StorageSpec] = parts(StorageSpec, "batteries that islet does not command")
    meters: list[MeterSpec] = parts(MeterSpec, "meters on the lines")
    recordings: list[RecordingSpec] = parts(RecordingSpec, "recorded devices on the lines")
    lines: list[LineSpec] = parts(LineSpec, "RS-485 lines")
    relays: RelaysSpec = part(RelaysSpec, "islet's other relays")
    protection: ProtectionSpec = part(ProtectionSpec, "protective inputs at the start")
    sensors: SensorsSpec = part(SensorsSpec, "imperfections of the analogue front end")
