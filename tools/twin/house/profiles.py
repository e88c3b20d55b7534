# islet: the standard household (demandlib) and the sun (pvlib), as plain lists of a day.
# GPL-3.0-or-later
"""Slow libraries, asked once per day and kept in a cache folder; the house only interpolates. The
days of the shipped scenarios are shipped, so that a run of one needs no library and no waiting:

    python -m tools.twin.house.profiles     # computes days.json anew, after a change to one
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from tools.workshop import ROOT, SetupError

from .spec import Place, SourceSpec

CACHE = ROOT / ".cache" / "twin"
SHIPPED = Path(__file__).with_name("days.json")
QUARTERS = 96  # of an hour, in a day: the resolution of the standard profiles
SUN_STEP_S = 300
SUN_POINTS = 86_400 // SUN_STEP_S + 1


@cache
def shipped() -> dict[str, list[float]]:
    return json.loads(SHIPPED.read_text())


def _kept(key: dict[str, Any], compute: Any) -> list[float]:
    """The list that `compute` gives, of those shipped or from the cache folder when it was asked
    before."""
    text = json.dumps(key, sort_keys=True)
    if text in shipped():
        return shipped()[text]
    path = CACHE / f"{key['what']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if path.exists():
        try:
            return json.loads(path.read_text())
        except ValueError:
            pass  # written by halves: compute it again
    try:
        values = [round(float(v), 9) for v in compute()]
    except ModuleNotFoundError as error:
        raise SetupError(
            f"this house's day has to be computed, and {error.name} is not installed",
            "python3 -m tools.setup own, which installs what computes days",
        ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(values))
        part.replace(path)
    except OSError:
        pass  # a read-only tree only costs time
    return values


@lru_cache(maxsize=64)
def household(profile: str, day: date) -> list[float]:
    """Mean power of each quarter hour of `day` in W, for 1 kWh a year (96 values)."""

    def compute() -> list[float]:
        year = _year(profile, day.year)
        first = (day - date(day.year, 1, 1)).days * QUARTERS
        return year[first : first + QUARTERS]

    if profile == "none":
        return [0.0] * QUARTERS
    return _kept({"what": "household", "profile": profile, "day": day.isoformat()}, compute)


@lru_cache(maxsize=2)
def _year(profile: str, year: int) -> list[float]:
    from demandlib.bdew import ElecSlp

    # demandlib 0.2.2 turns every warning into an error while it builds its frame, and pandas 3
    # warns there; so it may not change the filters, and we put them back as they were.
    simplefilter = warnings.simplefilter
    with warnings.catch_warnings():
        simplefilter("ignore")
        warnings.simplefilter = lambda *args, **kwargs: None  # type: ignore[assignment]
        try:
            frame = ElecSlp(year).get_profiles(profile)
        finally:
            warnings.simplefilter = simplefilter
    # the column sums to 1 over the year; a quarter's share of 1 kWh, times 4, is kW
    return [float(v) * 4000.0 for v in frame[profile]]


def sun(spec: SourceSpec, place: Place, midnight: datetime) -> list[float]:
    """AC power under a clear sky in W per W of modules, every 300 s of the day from `midnight`.

    Ineichen clear sky, isotropic diffuse sky, Faiman cell temperature, PVWatts module (−0.4 %/K)
    and inverter (96 %), with 10 % of other losses. The inverter's rating is applied by the PV.
    """
    key = {
        "what": "sun",
        "place": [place.latitude, place.longitude, place.altitude_m],
        "panel": [spec.tilt_deg, spec.azimuth_deg, spec.temperature_c, spec.linke_turbidity],
        "midnight": midnight.astimezone(UTC).isoformat(),
    }

    def compute() -> list[float]:
        with warnings.catch_warnings():  # pvlib's own, about the pandas it calls
            warnings.simplefilter("ignore")
            return _clear_sky(spec, place, midnight)

    return _kept(key, compute)


def _clear_sky(spec: SourceSpec, place: Place, midnight: datetime) -> list[float]:
    import pandas as pd
    import pvlib

    times = pd.date_range(midnight, periods=SUN_POINTS, freq=f"{SUN_STEP_S}s")
    where = pvlib.location.Location(place.latitude, place.longitude, altitude=place.altitude_m)
    position = where.get_solarposition(times)
    sky = where.get_clearsky(times, solar_position=position, linke_turbidity=spec.linke_turbidity)
    plane = pvlib.irradiance.get_total_irradiance(
        spec.tilt_deg,
        spec.azimuth_deg,
        position["apparent_zenith"],
        position["azimuth"],
        sky["dni"],
        sky["ghi"],
        sky["dhi"],
    )["poa_global"].fillna(0.0)
    cell_c = pvlib.temperature.faiman(plane, spec.temperature_c, wind_speed=1.0)
    dc = pvlib.pvsystem.pvwatts_dc(plane, cell_c, pdc0=1.0, gamma_pdc=-0.004) * 0.9
    return [float(v) for v in pvlib.inverter.pvwatts(dc, pdc0=1.1, eta_inv_nom=0.96)]


def days_of(story: Any) -> None:
    """Ask for every day that a scenario reaches."""
    midnight = story.start.replace(hour=0, minute=0, second=0, microsecond=0)
    end = story.start + timedelta(seconds=story.seconds)
    while midnight <= end:
        household(story.house.loads.profile, midnight.date())
        for source in story.house.sources:
            if source.kind != "steady":
                sun(source, story.house.place, midnight)
        midnight += timedelta(days=1)


def main() -> None:
    """Write the days of the shipped scenarios, computed anew."""
    from tools.twin import scenario

    asked: dict[str, list[float]] = {}

    def computed(key: dict[str, Any], compute: Any) -> list[float]:
        text = json.dumps(key, sort_keys=True)
        if text not in asked:
            asked[text] = [round(float(v), 9) for v in compute()]
        return asked[text]

    globals()["_kept"] = computed
    for path in sorted((ROOT / "tools/twin/scenarios").glob("*.json")):
        household.cache_clear()
        days_of(scenario.load(path))
    rows = (f"{json.dumps(key)}: {json.dumps(asked[key])}" for key in sorted(asked))
    SHIPPED.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
