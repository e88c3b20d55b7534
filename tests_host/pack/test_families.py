# islet: registers of families beside a second transcription, of another project or the maker.
# GPL-3.0-or-later
"""second_sources.json was taken from the files it names by a reader for each kind of file, never
from the profiles: a row here is [register, function, type, word order, unit per step, unit], null
where that file does not say. The signs below were read by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROFILES = HERE.parents[1] / "firmware" / "profiles"
SECOND = json.loads((HERE / "second_sources.json").read_text())
STEPS = {"V": 1000, "A": 1000, "W": 1, "Hz": 1000, "%": 10, "kWh": 1000, "Wh": 1, "": 1}

# family, quantity, leg: register, sign into islet's (+ is drawn or charged), who says so
SIGNS = (
    ("sungrow_sh", "battery_power", None, 5213, -1, "openWB sungrow_sh/bat.py: * -1"),
    ("sungrow_sh", "power", None, 13033, -1, "openWB sungrow_sh/bat.py: above PV is discharge"),
    ("huawei_sun2000", "battery_power", None, 37765, 1, "openWB huawei/bat.py: unchanged"),
    ("goodwe_et", "battery_power", None, 35182, -1, "openWB good_we/bat.py: * -1"),
    ("goodwe_et", "power", None, 35137, -1, "OpenEMS AbstractGoodWe: not inverted, + is output"),
    ("kostal_plenticore", "power", None, 575, -1, "openWB kostal_plenticore/inverter.py: * -1"),
    ("kostal_plenticore", "battery_power", None, 582, -1, "OpenEMS KostalManagedEss: as output"),
    ("sma_storage", "power", None, 30775, -1, "openWB sma_sunny_island/bat.py: * -1"),
    ("deye_3p", "battery_power", None, 590, -1, "openWB deye/bat.py: * -1"),
    ("deye_1p", "battery_power", None, 190, -1, "openWB deye/bat.py: * -1"),
    ("solax_g4", "battery_power", None, 22, 1, "openWB solax/bat.py: unchanged"),
    ("foxess_h3", "battery_power", None, 31036, -1, "openWB fox_ess/bat.py: * -1"),
    ("solis_hybrid", "power", None, 33079, -1, "openWB solis/inverter.py: * -1"),
    ("sofar_g3", "battery_power", None, 1542, 1, "evcc: * -10 into + is discharge"),
    ("alpha_smile", "battery_power", None, 294, -1, "Alpha2MQTT: - charge, + discharge"),
    ("solaredge_storedge", "battery_power", None, 62836, 1, "evcc: * -1 into + is discharge"),
    ("sofar_g3", "power", None, 1157, -1, "openWB sofar/counter.py: discharge +, charge -"),
    ("growatt_vpp", "power", None, 31100, -1, "Growatt VPP V2.03: positive exports"),
    ("growatt_vpp", "battery_power", None, 31200, 1, "Growatt VPP V2.03: positive charges"),
    ("sigenergy_plant", "battery_power", None, 30037, 1, "Sigenergy V2.9: above 0 charges"),
    ("wallbox_quasar", "power", None, 526, 1, "v2g_liberty: discharge is negative"),
)
# family, write: register, sign (1: + charges), who says so
SETPOINTS = (
    ("kostal_plenticore", "power", 1034, -1, "openWB: charging is written negative"),
    ("sma_storage", "power", 40149, -1, "openWB: int(power_limit) * -1"),
    ("foxess_h3_smart", "power", 46003, -1, "evcc: negative power means charging"),
    ("foxess_h1", "power", 44002, -1, "foxess_modbus: positive values = discharge"),
    ("growatt_vpp", "power", 30409, 1, "Growatt VPP V2.03: positive charging"),
    ("wallbox_quasar", "power", 260, 1, "v2g_liberty: requested charge power"),
    ("ambibox", "power", 3000, -1, "evcc: negative = charge"),
    ("evtec_bidipro", "power", 186, 1, "v2g_liberty: negative = discharge"),
)


def profile(name: str) -> dict:
    """A family's document."""
    return json.loads((PROFILES / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(SECOND))
def test_a_second_reading_agrees(name: str) -> None:
    """Each register that another file has too: same function, type, word order and scale."""
    document = profile(name)
    rows = {row["register"]: row for row in document["rows"]}
    assert SECOND[name]["rows"]
    for register, function, kind, order, step, unit in SECOND[name]["rows"]:
        where = f"{name} {register}, {SECOND[name]['source']}"
        row = rows.get(register)
        assert row is not None, f"{where}: not in the profile"
        assert function in (None, row["function"]), where
        assert row["type"] == kind, where
        assert order in (None, row.get("word_order", document["word_order"])), where
        if step is not None:
            ours = row.get("num", 1) / row.get("den", 1)
            assert ours == pytest.approx(step * STEPS[unit]), where


@pytest.mark.parametrize(("name", "quantity", "leg", "register", "sign", "who"), SIGNS)
def test_signs(name: str, quantity: str, leg: int | None, register: int, sign: int, who: str):
    """A power drawn or charged is positive after the row's sign."""
    found = [
        row.get("sign", 1)
        for row in profile(name)["rows"]
        if (row["quantity"], row.get("leg"), row["register"]) == (quantity, leg, register)
    ]
    assert found == [sign], who


@pytest.mark.parametrize(("name", "write", "register", "sign", "who"), SETPOINTS)
def test_signs_of_setpoints(name: str, write: str, register: int, sign: int, who: str):
    """A setpoint charges when the project says so."""
    found = [
        row.get("sign", 0)
        for row in profile(name)["writes"]
        if (row["name"], row["register"]) == (write, register)
    ]
    assert found == [sign], who


def test_who_is_controlled_shows_power_and_state() -> None:
    """A family short of power, state or setpoint is read only."""
    for path in sorted(PROFILES.glob("*.json")):
        if path.name.endswith(".schema.json"):
            continue
        document = json.loads(path.read_text())
        if document.get("role") not in ("converter", "gateway") or "writes" not in document:
            continue
        measured = {row["quantity"] for row in document["rows"]}
        assert {"power", "state"} <= measured, path.name
        assert set(document["plans"]) == {"charge", "discharge", "zero", "release"}, path.name
        for plan in ("zero", "release"):
            told = [value for request in document["plans"][plan] for value in request.values()]
            assert "watts" not in told, f"{path.name}: {plan}"
        for plan in ("charge", "discharge"):
            told = [value for request in document["plans"][plan] for value in request.values()]
            assert "watts" in told, f"{path.name}: {plan}"
