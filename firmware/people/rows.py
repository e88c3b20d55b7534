# islet: a node, a device, a point as the published state has them, in parts that are dicts; what
# is stale is null.
# GPL-3.0-or-later

import json

from firmware import image as im
from firmware.people import leases, words
from firmware.people.names import legs_of
from firmware.people.reasons import unit

STALE_MS = 2_000  # as INV-4: what is older is null
_SOC_STALE_MS = 120_000  # as INV-11
_NOISE_MA = 1_000  # what clamps show of an open contact, and more

# Names by the image's numbers.
KIND_NAMES = ("none", "point", "charger", "converter", "source")
MODE_NAMES = ("stop", "follow", "form")
INSTRUMENT_NAMES = ("none", "ct", "meter", "device", "point")
OBEY_NAMES = ("quiet", "again", "zero", "stop", "off")
BAR_NAMES = ("not_obeyed", "unwitnessed", "anti_islanding", "enable", "switch")


def bits(mask, names):
    return [name for bit, name in enumerate(names) if mask & (1 << bit)]


def age(age_ms):
    """None: never heard."""
    return None if age_ms >= im.AGE_MAX_MS else age_ms


def text(parts):
    """An object as JSON text, a piece for each of its parts: a dict, or a key and the parts of
    each object of a list."""
    lead = "{"
    for part in parts:
        if isinstance(part, tuple):
            lead += json.dumps(part[0]) + ":["
            for row in part[1]:
                yield lead
                yield from text(row)
                lead = ","
            yield "]" if lead == "," else lead + "]"
        else:
            yield lead + json.dumps(part)[1:-1]
        lead = ","
    yield "}"


def node(state, node):
    site, readings = state.image.site, state.readings
    parent = site[im.NODE_PARENT + node]
    rows = range(node * im.LEGS, node * im.LEGS + site[im.LEG_COUNT])
    heard = readings[im.NODE_AGE_MS + node] <= STALE_MS
    yield {
        "name": state.names.node(node),
        "parent": None if parent < 0 else state.names.node(parent),
        "limit_ma": site[im.NODE_RATING_MA + node]
        * site[im.NODE_CONTINUOUS_PERMILLE + node]
        // 1000,
        "instrument": INSTRUMENT_NAMES[site[im.NODE_INSTRUMENT + node]],
        "ma": [readings[im.NODE_MA + row] for row in rows] if heard else None,
        "w": [readings[im.NODE_W + row] for row in rows] if heard else None,
        "age_ms": age(readings[im.NODE_AGE_MS + node]),
        "leases": leases.of_node(state, node),
    }


def device(state, device):
    site, readings, commands = state.image.site, state.readings, state.commands
    names, of = state.names, unit(site, device)
    kind = site[im.DEVICE_KIND + device]
    heard = readings[im.DEVICE_AGE_MS + device] <= STALE_MS
    ma = None
    if heard:
        row = im.DEVICE_MA + device * im.LEGS
        ma = {"L" + str(leg + 1): readings[row + k] for k, leg in legs_of(site, device)}
    after, contactor = commands[im.DEVICE_AFTER + device], site[im.DEVICE_CONTACTOR + device]
    yield {
        "kind": KIND_NAMES[kind],
        "node": names.node(site[im.DEVICE_NODE + device]),
        "point": None if contactor < 0 else names.point(contactor),
        "ma": ma,
        "w": _watts(state, device, ma),
        "age_ms": age(readings[im.DEVICE_AGE_MS + device]),
        ("offer_" if of == "ma" else "setpoint_") + of: commands[im.SETPOINT + device],
        "grant_low_" + of: commands[im.GRANT_LOW + device],
        "grant_high_" + of: commands[im.GRANT_HIGH + device],
    }
    yield {"why": state.reasons.explain(device)}
    shown = {
        "after": None if after < 0 else names.device(after),
        "obedience": OBEY_NAMES[commands[im.DEVICE_OBEDIENCE + device]],
        "barred": bits(commands[im.DEVICE_ENABLE_BAR + device], BAR_NAMES),
        "plugged": _plugged(state, device, heard),
        "status": _status(state, device, heard, ma),
        "stopped": bool(leases.stops(state.image, device)),
    }
    if kind != im.KIND_POINT:
        soc_age_ms = readings[im.DEVICE_SOC_AGE_MS + device]
        soc = readings[im.DEVICE_SOC_PERMILLE + device]
        mode, asked = readings[im.DEVICE_MODE + device], commands[im.SETPOINT_MODE + device]
        shown["mode"] = MODE_NAMES[mode] if heard else None
        shown["mode_asked"] = MODE_NAMES[asked]
        shown["fault"] = readings[im.DEVICE_FAULT + device] != 0 if heard else None
        shown["soc_permille"] = None if soc < 0 or soc_age_ms > _SOC_STALE_MS else soc
        shown["soc_age_ms"] = age(soc_age_ms)
    if of == "ma":
        shown["max_ma"] = site[im.DEVICE_MAX_MA + device]
    else:
        shown["charge_w"] = site[im.DEVICE_CHARGE_W + device]
        shown["discharge_w"] = site[im.DEVICE_DISCHARGE_W + device]
    if site[im.DEVICE_STRINGS_W + device]:  # its terminals draw w less this
        shown["sun_w"] = readings[im.DEVICE_SUN_W + device] if heard else None
    if kind == im.KIND_CONVERTER:
        guarded = readings[im.DEVICE_ANTI_ISLANDING + device]
        shown["anti_islanding"] = words.ANTI_ISLANDING[guarded + 1] if heard else None
    yield shown


def _watts(state, device, ma):
    """What it draws; of a point its current at the grid's voltage, or the nominal one, and nothing
    while it is open: what its clamps show then is noise, unless it is much."""
    if ma is None:
        return None
    site = state.image.site
    if site[im.DEVICE_KIND + device] != im.KIND_POINT:
        return state.readings[im.DEVICE_W + device]
    drawn_ma, readings = sum(ma.values()), state.readings
    contactor = state.commands[im.POINT_CONTACTOR_STATE + site[im.DEVICE_CONTACTOR + device]]
    if contactor == im.CONTACTOR_OPEN and drawn_ma < _NOISE_MA:
        return 0
    mv = [site[im.NOMINAL_MV]] * im.LEGS
    if readings[im.GRID_AGE_MS] <= STALE_MS:
        mv = readings[im.GRID_MV : im.GRID_MV + im.LEGS]
    first = im.DEVICE_MA + device * im.LEGS
    legs = legs_of(site, device)
    return sum([readings[first + k] * (mv[leg] // 100) // 10_000 for k, leg in legs])


def _plugged(state, device, heard):
    """Whether a car, or a battery, is connected; None where nobody knows, or nothing could be."""
    site = state.image.site
    if not site[im.DEVICE_BEHIND + device]:
        return None
    if site[im.DEVICE_KIND + device] != im.KIND_POINT:
        return state.readings[im.DEVICE_PLUGGED + device] != 0 if heard else None
    pilot = state.commands[im.POINT_PILOT_STATE + site[im.DEVICE_CONTACTOR + device]]
    return None if pilot == im.PILOT_UNKNOWN else pilot in (im.PILOT_B, im.PILOT_C, im.PILOT_D)


def _status(state, device, heard, ma):
    """A no car, B plugged in, C it draws, F a fault; None of what is no car's or unknown. It is
    what evcc reads of a charger."""
    site = state.image.site
    plugged = _plugged(state, device, heard)
    if plugged is None or not site[im.DEVICE_BEHIND + device] & im.BEHIND_CAR:
        return None
    contactor = site[im.DEVICE_CONTACTOR + device]
    if site[im.DEVICE_KIND + device] == im.KIND_POINT:
        commands = state.commands
        faulty = commands[im.POINT_PILOT_STATE + contactor] > im.PILOT_D
        draws = (
            commands[im.POINT_CONTACTOR_STATE + contactor] == im.CONTACTOR_CLOSED
            and commands[im.POINT_PILOT_STATE + contactor] != im.PILOT_B
        )
    else:
        faulty = state.readings[im.DEVICE_FAULT + device]
        draws = sum(ma.values()) >= _NOISE_MA
    if faulty:
        return "F"
    return ("C" if draws else "B") if plugged else "A"


def point(state, point):
    site, commands = state.image.site, state.commands
    pilot, pilot_text = words.state_text("pilot", commands[im.POINT_PILOT_STATE + point])
    contactor, text = words.state_text("contactor", commands[im.POINT_CONTACTOR_STATE + point])
    cable_ma = commands[im.POINT_CABLE_MA + point]
    device = site[im.POINT_DEVICE + point]
    if site[im.DEVICE_OWNS_PILOT + device]:
        pilot_text = words.PILOT_ELSEWHERE
    yield {
        "device": state.names.device(device),
        "pilot": pilot,
        "pilot_text": pilot_text,
        "contactor": contactor,
        "contactor_text": text,
        "cable_ma": None if cable_ma < 0 else cable_ma,
        "unplugs": commands[im.POINT_UNPLUGS + point],
        "rest_ms": commands[im.POINT_REST_MS + point],
        "authorised": state.requests[im.POINT_AUTHORISED + point] != 0,
        "needs_authorising": site[im.POINT_AUTH_REQUIRED + point] != 0,
    }
