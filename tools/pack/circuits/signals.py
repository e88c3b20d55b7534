# islet: what a circuit board measures, and whether it can.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.pack import Document, PackError
from tools.pack.circuits.chips import Chip
from tools.pack.circuits.scales import (
    channel_scale,
    chip_of,
    frame_ns,
    meter_full_scale,
    pilot_pin_mv,
)
from tools.pack.circuits.tables import PER_LEG, SCALES

PILOT_MV = 12_600  # a pilot's largest level, 12 V and 0.6 V, either sign: SAE J1772, second-hand
# 5 % of the pilot's cycle, the shortest plateau, must be met in every 10 ms
PLATEAU_NS = 50_000
# The guard tells an over-current from an inrush above twice the rating, at the peak of a sine.
GUARD_PEAK_PERMILLE = 2_829
METER_MARGIN_PERCENT = 120  # room for the crest of a distorted current
METER_COARSE = 10  # times what is needed: the chip's accuracy holds for 1/1000 of full scale
VOLT_SIGNALS = {"grid": "grid_v", "house": "house_v"}
AMP_SIGNALS = {"mains": "main_ct", "evse": "evse_ct"}
# output -> what it is decided by, and what its guard needs within a cycle
NEEDS = {"contactor": ("pilot", "evse_ct"), "island": ("grid_v", "house_v")}
FAST = {"contactor": "evse_ct", "island": "grid_v"}
METER_LEAST_MV = 300_000  # 230 V and a lost neutral's first moments, RMS


def sampling(document: Document) -> None:
    """10 ms in even steps, or a burst where the chip has no DMA; the pilot is seen everywhere."""
    chip, what = chip_of(document), document["sampling"]
    frames = what["block_frames"] * what.get("blocks", 1)
    step_ns = frame_ns(what)
    if frames > 200:
        raise PackError("sampling.blocks", f"{frames} frames in 10 ms are too many: at most 200")
    if not chip.streams:
        if not 3_000_000 <= frames * step_ns <= 5_000_000:
            raise PackError(
                "sampling.block_frames",
                f"{frames} frames take {frames * step_ns // 1000} us; {chip.text} has no DMA "
                "for its converter: a burst of 3 to 5 ms",
            )
    elif "rate_hz" in what:
        if frames * 100 != what["rate_hz"]:
            text = f"{frames} frames are not 10 ms at {what['rate_hz']} Hz"
            raise PackError("sampling.block_frames", text)
    elif not 9_900_000 <= frames * step_ns <= 10_100_000:
        raise PackError(
            "sampling.block_frames",
            f"{frames} frames of {what['frame_us']} us are {frames * step_ns // 1000} us, not 10 "
            "ms within 1 %",
        )
    gap_ns = _pilot_gap_ns(step_ns, frames, document["pilot"]["freq_hz"])
    if gap_ns > PLATEAU_NS:
        raise PackError(
            "sampling.frame_us" if "frame_us" in what else "sampling.rate_hz",
            f"beats with the pilot: {frames} samples leave {gap_ns // 1000} us of its cycle "
            f"unseen, {PLATEAU_NS // 1000} us at most",
        )
    count = len(document["channels"])
    room_ns = step_ns - what["skew_us"] * 1_000 * count
    if chip.real and chip.streams and room_ns:
        raise PackError(
            "sampling.skew_us",
            f"the converter goes round evenly: {step_ns // 1000} us / {count} channels",
        )
    if room_ns < 0:
        raise PackError("sampling.skew_us", f"{count} channels do not fit into a frame")


def _pilot_gap_ns(step_ns: int, frames: int, freq_hz: int) -> int:
    """The longest stretch of the pilot's cycle without a sample."""
    cycle_ns = 10**9 // freq_hz
    seen = sorted({k * step_ns % cycle_ns for k in range(frames)})
    return max(b - a for a, b in zip(seen, [*seen[1:], seen[0] + cycle_ns], strict=True))


def channels(document: Document) -> None:
    chip = chip_of(document)
    seen: set[tuple[str, int, int]] = set()
    order = -1
    for i, row in enumerate(document["channels"]):
        where, signal = f"channels.{i}.", row["signal"]
        if ("channel" in row) == chip.real:
            name, instead = ("channel", "adc") if chip.real else ("adc", "channel")
            raise PackError(where + name, f"{chip.text} counts by {instead}")
        if not chip.real and row["channel"] != i:
            text = f"rows stand in order of sampling: {i} comes here"
            raise PackError(where + "channel", text)
        if chip.real and row["adc"] <= order:
            raise PackError(where + "adc", "rows stand in order of sampling: inputs ascend")
        order = row.get("adc", i)
        key = signal, row.get("leg", 1), row.get("point", 1)
        if key in seen:
            raise PackError(where + "signal", f"{signal} of leg {key[1]} is given twice")
        seen.add(key)
        if chip.real and signal in PER_LEG and not chip.streams:
            raise PackError(
                where + "signal",
                f"{signal}: {chip.text} cannot sample alternating current evenly; use a "
                "metering chip",
            )
        _scale(chip, row, where, document.get("carries"))


def _scale(chip: Chip, row: Mapping[str, Any], where: str, carries: Any) -> None:
    """A computed scale is within the range of a given one, and within the converter's."""
    values = channel_scale(chip, row)
    ranges = SCALES[row["signal"]]
    built = "ct" if "ct" in row else "divider"
    for (name, low, high), value in zip(ranges, values[-len(ranges) :], strict=True):
        if not low <= value <= high:
            raise PackError(where + built, f"makes {name} {value}, not within {low} and {high}")
    if "ct" in row and carries:
        rated_a = carries["evse_a" if row["signal"] == "evse_ct" else "mains_a"]
        _ct_carries(row["ct"], where, rated_a)
        needed_ma = rated_a * GUARD_PEAK_PERMILLE
        if values[1] < needed_ma:
            raise PackError(
                where + "ct",
                f"clips at {values[1]} mA; the guard must see twice {rated_a} A at the peak, "
                f"{needed_ma} mA: a smaller burden",
            )
    if row["signal"] == "pilot" and "divider" in row:
        _, lowest, highest = chip.adc_mv
        for mv in (-PILOT_MV, PILOT_MV):
            pin_mv = round(pilot_pin_mv(row["divider"], mv))
            if not lowest <= pin_mv <= highest:
                raise PackError(
                    where + "divider",
                    f"a pilot of {mv} mV makes {pin_mv} mV; {chip.text} reads {lowest} to "
                    f"{highest} mV",
                )
    if chip.real and row["signal"] == "proximity":
        if row.get("supply_mv") != chip.adc_mv[0]:
            raise PackError(
                where + "supply_mv",
                f"the pull-up must go to the converter's reference, {chip.adc_mv[0]} mV: the "
                "resistor is told from their ratio",
            )
    elif chip.real and row["signal"] in ("grid_v", "house_v"):
        _isolated(row, where)


def _ct_carries(ct: Mapping[str, Any], where: str, rated_a: int) -> None:
    if ct["primary_a"] < rated_a:
        raise PackError(
            where + "ct.primary_a",
            f"{ct['primary_a']} A is below the {rated_a} A of its circuit: a larger CT",
        )


def _isolated(row: Mapping[str, Any], where: str) -> None:
    if "isolation" not in row:
        raise PackError(where + "isolation", "mains would reach the chip: what isolates it?")
    if row["isolation"] == "transformer" and "transformer" not in row.get("divider", {}):
        raise PackError(where + "divider.transformer", "isolation names one: its ratio?")


def measured(document: Document) -> None:
    """What an output is decided by is there: the pilot, the charger's current, both voltages; and
    what the guard needs at once does not come through a metering chip."""
    chip, names = chip_of(document), [row["name"] for row in document["outputs"]]
    meters = document.get("meters", [])
    fast = {row["signal"] for row in document["channels"] if row.get("point", 1) == 1}
    second = {row["signal"] for row in document["channels"] if row.get("point", 1) == 2}
    sees = fast | {VOLT_SIGNALS[row["volts"]] for row in meters}
    sees |= {AMP_SIGNALS[row["amps"]] for row in meters}
    if "crossing" in document:
        fast.add("grid_v")
    for name, signals in NEEDS.items():
        if name not in names:
            continue
        where = f"outputs.{names.index(name)}.name"
        if missing := [signal for signal in signals if signal not in sees]:
            raise PackError(where, f"output {name} needs {missing[0]} measured")
        if not chip.real or document["guard"] != "hard_interrupt":
            continue
        if FAST[name] not in fast:
            raise PackError(
                where,
                f"output {name}: its guard needs {FAST[name]} at once, on the chip's own "
                "converter (the grid's: zero crossings on a pin will do)",
            )
    if "contactor_2" in names:
        for signal in NEEDS["contactor"]:
            if signal not in second:
                where = f"outputs.{names.index('contactor_2')}.name"
                raise PackError(where, f"output contactor_2 needs {signal} of point 2 measured")
    if "carries" not in document and (chip.real or meters):
        raise PackError("carries", "is missing: the currents for which this board is built")


def meters(document: Document) -> None:
    rows, carries = document.get("meters", []), document.get("carries", {})
    if rows and "spi" not in document:
        raise PackError("spi", "is missing: the metering chips hang on it")
    if not rows and "spi" in document:
        raise PackError("spi", "has no metering chip: leave it out")
    for i, row in enumerate(rows):
        where = f"meters.{i}."
        if any(other["amps"] == row["amps"] for other in rows[:i]):
            raise PackError(where + "amps", f"{row['amps']} is measured twice")
        _isolated(row, where)
        rated_a = carries[f"{row['amps']}_a"]
        _ct_carries(row["ct"], where, rated_a)
        full_mv, full_ma = meter_full_scale(row)
        least_ma = rated_a * 10 * METER_MARGIN_PERCENT
        for field, full, least, unit in (
            ("divider", full_mv, METER_LEAST_MV, "mV"),
            ("ct", full_ma, least_ma, "mA"),
        ):
            if full < least:
                raise PackError(
                    where + field,
                    f"its inputs are full at {full} {unit} RMS, {least} are needed: less of it",
                )
            if full > least * METER_COARSE:
                raise PackError(
                    where + field,
                    f"its inputs are full at {full} {unit} RMS only, {least} are needed: more of "
                    "it, or small values drown",
                )


def crossing(document: Document) -> None:
    what = document.get("crossing")
    grid = any(row["volts"] == "grid" for row in document.get("meters", []))
    if what and what["by"] == "zx_of_meter" and not grid:
        raise PackError("crossing.by", "no metering chip sees the grid's voltage")
