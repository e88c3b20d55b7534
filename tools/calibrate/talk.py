# islet: the questions of `make calibrate`, and what is done with the answers.
# GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware.chips.circuit import Circuit
from firmware.sense.calibration import METER_FIELDS, of_point
from tools.calibrate import Doubt, gains, store, targets, wiring
from tools.calibrate.sampler import Readings, Sampler, of_leg, power
from tools.calibrate.trusted import Trusted
from tools.flash import FlashError, Voice
from tools.flash.link import Link

Ask = Callable[[str], str]

PHASE_S = 6.0
GAIN_S = 12.0
SETTLE_S = 2.0
REPEATS = 5  # off, on, off, on, off


@dataclass
class Session:
    """A board that measures, a person who answers, an instrument that is trusted."""

    link: Link
    circuit: Circuit
    sampler: Sampler
    trusted: Trusted
    ask: Ask
    voice: Voice
    legs_wanted: tuple[int, ...] = ()  # 0 first; empty: all
    everywhere: bool = False  # LEG=all: a load on all legs at once
    at: str = ""
    point: int = 0
    watts: float = 0.0
    lagging: bool = True
    keep_wiring: bool = False
    document: store.Document = field(default_factory=dict)

    def begin(self, over_waiting: bool = False) -> None:
        path = store.waiting(self.circuit)
        if path.exists() and not over_waiting:
            raise Doubt(f"{path} waits for the board: WHAT=store brings it; or remove it")
        self.document = store.parse(self.sampler.calibration(), self.circuit)

    def finish(self) -> None:
        store.bring(self.link, self.document, self.circuit, self.voice)

    def sample(self, seconds: float) -> Readings:
        return self.sampler.take(seconds)

    def legs(self, name: str) -> int:
        """How many legs the site has, by a reading that must be there."""
        for row in self.sample(1):
            if row[name] is not None:
                return len(row[name])
        raise Doubt(f"{name}: the board does not measure it: is the site configured, the chip ok?")

    def wanted(self, name: str) -> list[int]:
        legs = self.legs(name)
        for leg in self.legs_wanted:
            if leg >= legs:
                raise Doubt(f"LEG: this site has {legs} legs")
        return list(self.legs_wanted or range(legs))


def find_wiring(session: Session) -> bool:
    """Which transformer sits where; True when all is right."""
    if session.watts <= 0:
        raise Doubt("WATTS: say the power of the load that you will switch, on each leg it is on")
    legs = session.legs("mains_w")
    loads = [None] if session.everywhere else session.wanted("mains_w")
    switchings = [_switch(session, leg, legs) for leg in loads]
    found = wiring.find(legs, switchings)
    for line in wiring.words(found):
        session.voice.say(line)
    if found.good:
        session.voice.say("all transformers are right")
    elif session.keep_wiring:
        _keep(session, found)
    else:
        session.voice.say("put it right, then again; or KEEP=1: the board corrects for it")
    return found.good


def _switch(session: Session, leg: int | None, legs: int) -> wiring.Switching:
    where = "all legs" if leg is None else f"L{leg + 1}"
    phases = []
    for number in range(REPEATS):
        state = "on" if number % 2 else "off"
        session.ask(f"switch the load on {where} {state}, then press Enter ")
        session.sample(SETTLE_S)
        phases.append(power(session.sample(PHASE_S), legs))
    return wiring.Switching(leg, session.watts, phases)


def _keep(session: Session, found: wiring.Wiring) -> None:
    """The metering chip can read its inputs in another order, and turn them round."""
    if None in found.channel or None in found.turned:
        raise Doubt("KEEP: not all of it is known yet")
    rows = [targets.find(session.circuit, "mains", leg) for leg in range(len(found.channel))]
    if rows[0].section != "meters":
        raise Doubt("KEEP: the board's own converter cannot: move the transformers")
    was = [
        (store.value(session.document, row, "input", leg + 1),
         store.value(session.document, row, "polarity", 1))
        for leg, row in enumerate(rows)
    ]  # fmt: skip
    for row, channel, turned in zip(rows, found.channel, found.turned, strict=True):
        assert channel is not None
        number, polarity = was[channel]
        polarity = -polarity if turned else polarity
        store.put(session.document, "meters", row.key, input=number, polarity=polarity)
    session.finish()


def find_gains(session: Session) -> bool:
    """Gains of the place that AT names."""
    first = targets.find(session.circuit, session.at, 0, session.point)
    quantity = "voltage" if first.reading.endswith("_mv") else "current"
    for leg in session.wanted(first.reading):
        target = targets.find(session.circuit, session.at, leg, session.point)
        session.ask(f"{target.what}: let it be steady, then press Enter ")
        before = session.trusted.read(quantity, leg)
        readings = of_leg(session.sample(GAIN_S), target.reading, leg)
        after = session.trusted.read(quantity, leg)
        if abs(before - after) > 2 * gains.RESTLESS * max(abs(before), abs(after)):
            raise Doubt(f"{target.what}: the trusted instrument moved from {before} to {after}")
        truth = 1000 * abs(before + after) / 2
        measured = gains.steady([abs(value) for value in readings], target.what)
        old = store.value(session.document, target, target.gain)
        ppm = gains.gain_ppm(measured, truth, old, target.full, target.what)
        error = 100 * (measured.value / truth - 1)
        session.voice.say(f"{target.what}: read {error:+.2f} %; gain {ppm:+} ppm")
        store.put(session.document, target.section, target.key, **{target.gain: ppm})
    session.finish()
    return True


def find_delays(session: Session) -> bool:
    """Delays of the mains transformers against their voltages, by a reactive load."""
    for leg in session.wanted("mains_w"):
        target = targets.find(session.circuit, "mains", leg)
        session.ask(f"{target.what}: a reactive load on, nothing else; then press Enter ")
        readings = session.sample(GAIN_S)
        volts, amps, watts = (
            session.trusted.read(quantity, leg) for quantity in ("voltage", "current", "power")
        )
        seen = power(readings, leg + 1)
        mean = gains.steady([abs(row[leg][0]) for row in seen], target.what)
        apparent = gains.steady([row[leg][1] for row in seen], target.what).value
        hz = sum(row["grid_mhz"] for row in readings) / len(readings) / 1000 or 50.0
        old = store.value(session.document, target, "delay_us")
        new = gains.delay_us(
            mean, apparent, abs(watts), abs(volts * amps), session.lagging, hz, old, target.what
        )
        session.voice.say(f"{target.what}: the current is shown {new} us late")
        store.put(session.document, target.section, target.key, delay_us=new)
    session.finish()
    return True


def find_offsets(session: Session) -> bool:
    """What the chip reads of nothing."""
    place = session.at or "mains"
    first = targets.find(session.circuit, place, 0)
    if first.section != "meters":
        raise Doubt("this board's own converter finds its middle by itself")
    wanted = session.wanted(first.reading)
    session.ask(f"{place}: everything off, or the transformers open; then press Enter ")
    readings = session.sample(GAIN_S)
    for leg in wanted:
        target = targets.find(session.circuit, place, leg)
        fields = {"ma_offset": [abs(v) for v in of_leg(readings, target.reading, leg)]}
        if place == "mains":
            fields["mw_offset"] = [1000 * v for v in of_leg(readings, "mains_w", leg)]
        for name, values in fields.items():
            old = store.value(session.document, target, name)
            new = gains.offset(values, old, METER_FIELDS[name][1], f"{target.what} {name}")
            session.voice.say(f"{target.what}: {name} {new:+}")
            store.put(session.document, target.section, target.key, **{name: new})
    session.finish()
    return True


def _number(session: Session, question: str) -> float:
    while True:
        try:
            return float(session.ask(question).replace(",", "."))
        except ValueError:
            pass


def _channel(session: Session, signal: str, reading: str) -> tuple[str, int]:
    """Of the point: what its reading is called, and where the board measures it."""
    channel = session.circuit.analog.find(signal, 0, session.point)
    if channel < 0:
        board = session.circuit.name
        raise Doubt(f"POINT: the circuit board {board} has no {signal} {session.point + 1}")
    return of_point(reading, session.point), channel


def find_pilot(session: Session) -> bool:
    """Gain and zero of the control pilot, from both plateaus on an oscilloscope."""
    name, channel = _channel(session, "pilot", "pilot_mv")
    session.ask("a test plug in state B, so that the PWM runs; then press Enter ")
    rows = [row[name] for row in session.sample(GAIN_S) if row[name] is not None]
    highs = gains.steady([row[0] for row in rows], "pilot, high").value
    lows = gains.steady([row[1] for row in rows], "pilot, low").value
    if highs - lows < 10_000:
        raise Doubt("pilot: no PWM: both plateaus are needed; is the plug in state B?")
    high_v = _number(session, "the oscilloscope's high plateau in V (+9 or so)? ")
    low_v = _number(session, "its low plateau in V (-12 or so)? ")
    analog = session.circuit.analog
    key = targets.channel_key("pilot", session.point)
    target = targets.Target(name, 0, "channels", key, "gain_ppm", 0, "pilot")
    old = gains.Pilot(
        store.value(session.document, target, "gain_ppm"),
        store.value(session.document, target, "zero_code16"),
    )
    points = [(highs, 1000 * high_v), (lows, 1000 * low_v)]
    low, high = analog.low[channel], analog.high[channel]
    found = gains.pilot(low, high, old, points, analog.span)
    session.voice.say(
        f"pilot: gain {found.gain_ppm:+} ppm, zero {found.zero_code16 / 16:+.1f} codes"
    )
    store.put(session.document, "channels", key, **vars(found))
    session.finish()
    return True


def find_proximity(session: Session) -> bool:
    """Zero of the proximity pilot, from a resistor that is known."""
    name, channel = _channel(session, "proximity", "proximity_ohm")
    ohm = _number(session, "the resistor from proximity to earth in ohm, as measured? ")
    read = [float(row[name]) for row in session.sample(GAIN_S) if row[name] is not None]
    mean = gains.steady(read, "proximity").value
    key = targets.channel_key("proximity", session.point)
    target = targets.Target(name, 0, "channels", key, "zero_code16", 0, "proximity")
    pull_up = session.circuit.analog.high[channel]
    old = store.value(session.document, target, "zero_code16")
    zero = gains.proximity_zero(pull_up, mean, ohm, old)
    session.voice.say(f"proximity: read {mean:.0f} ohm; zero {zero / 16:+.1f} codes")
    store.put(session.document, "channels", key, zero_code16=zero)
    session.finish()
    return True


def show(session: Session) -> bool:
    """What the board has now."""
    if not session.document["date"]:
        session.voice.say("nobody has calibrated this board")
    for section in ("channels", "meters"):
        for row in session.document[section]:
            session.voice.say(f"{section}: {json.dumps(row)}")
    return True


def bring_waiting(session: Session) -> bool:
    """What could not be stored while something was energised."""
    path = store.waiting(session.circuit)
    if not path.exists():
        raise FlashError(f"nothing waits in {path}", "")
    session.document = json.loads(path.read_text())
    session.finish()
    return True


WHAT: dict[str, Callable[[Session], Any]] = {
    "wiring": find_wiring,
    "gain": find_gains,
    "delay": find_delays,
    "offset": find_offsets,
    "pilot": find_pilot,
    "proximity": find_proximity,
    "show": show,
    "store": bring_waiting,
}
