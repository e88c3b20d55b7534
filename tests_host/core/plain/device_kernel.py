# islet: what device_kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_AGE_MS,
    D_FELL,
    D_FRESH,
    D_HIGH_MA,
    D_HIGH_W,
    D_LAST_MA,
    D_LEAST_MA,
    D_LOW_MA,
    D_LOW_W,
    D_MA64_PER_W,
    D_MOVES_MS,
    D_MOVING_MS,
    D_NOTICED_MS,
    D_OFFERED_MA,
    D_OFFERS,
    D_REST_MA,
    D_REST_MS,
    D_ROSE_MS,
    D_SETTLES_MS,
    D_STALE_MS,
    D_STIRS_MS,
    D_STOOD_MA,
    D_TOLD,
    D_TOOK_MS,
    D_WORST_MS,
    H_HIGH,
    H_HIGH_W,
    H_LOW,
    H_LOW_W,
    H_ROW,
    P_FRESH_BITS,
    P_WORST_BITS,
    RING,
)
from tests_host.core.plain.tree import here, legs, most_drawn_ma


def _claimed(commands, device):
    slot = im.PANEL * im.DEVICES + device
    return commands[im.CLAIM_LOW + slot], commands[im.CLAIM_HIGH + slot]


def push(plan, rows, devices, slots, head, readings, commands, dt_ms):
    plan[P_FRESH_BITS] = plan[P_WORST_BITS] = 0
    for device, at in here(rows):
        last, told = rows[at + D_TOLD], commands[im.SETPOINT + device]
        low, high = _claimed(commands, device)
        down = 0 < last > told < high and high >= rows[at + D_LEAST_MA]
        left_ms = max(0, rows[at + D_WORST_MS] - dt_ms)
        if down or 0 > last < told > low:
            left_ms = rows[at + D_SETTLES_MS]
        rows[at + D_TOLD], rows[at + D_WORST_MS] = told, max(0, left_ms)
        age_ms = readings[im.DEVICE_AGE_MS + device]
        fresh = age_ms <= rows[at + D_STALE_MS]
        newer = age_ms < rows[at + D_AGE_MS] + dt_ms
        rows[at + D_AGE_MS], rows[at + D_FRESH] = age_ms, int(fresh)
        plan[P_FRESH_BITS] |= fresh << device
        plan[P_WORST_BITS] |= (left_ms > 0) << device
        slot = (head * devices + device) * H_ROW
        slots[slot : slot + H_ROW] = _entry(rows, at, slots[slot : slot + H_ROW], readings, device)
        if fresh and newer:
            steps = min(RING - 1, (age_ms + dt_ms // 2) // max(1, dt_ms))
            for back in range(1, steps + 1):
                then = ((head - back) % RING * devices + device) * H_ROW
                slots[then : then + H_ROW] = slots[slot : slot + H_ROW]


def _entry(rows, at, entry, readings, device):
    fresh = rows[at + D_FRESH]
    for k, leg in legs(rows, at):
        ma = readings[im.DEVICE_MA + device * im.LEGS + k]
        entry[H_LOW + leg] = ma if fresh else rows[at + D_LOW_MA]
        entry[H_HIGH + leg] = ma if fresh else rows[at + D_HIGH_MA]
    if not rows[at + D_OFFERS]:
        w = readings[im.DEVICE_W + device]
        entry[H_LOW_W] = w if fresh else rows[at + D_LOW_W]
        entry[H_HIGH_W] = w if fresh else rows[at + D_HIGH_W]
    return entry


def _follow(rows, at, dt_ms, told, does, beyond, there):
    before, since_ms = rows[at], rows[at + 1]
    rows[at] = told
    if since_ms < 0:
        rows[at + 1] = 0 if told < before and does - told > beyond else since_ms
        return 0
    since_ms += dt_ms
    given_up = told > before + there or since_ms > 30_000
    there_now = not given_up and does - told <= there + (told >> 5)
    rows[at + 1] = -1 if given_up or there_now else since_ms
    return since_ms if there_now else 0


def _stirred(rows, at, dt_ms, offer_ma, drawn_ma):
    before_ma, since_ms = rows[at + D_OFFERED_MA], rows[at + D_STIRS_MS]
    rows[at + D_OFFERED_MA] = offer_ma
    if since_ms < 0:
        if before_ma and abs(drawn_ma - before_ma) <= 500 and offer_ma >= before_ma + 500:
            rows[at + D_STIRS_MS], rows[at + D_STOOD_MA] = 0, drawn_ma
        return 0
    since_ms += dt_ms
    given_up = offer_ma < before_ma - 500 or since_ms > 10_000
    stirs = not given_up and drawn_ma > rows[at + D_STOOD_MA] + 300
    rows[at + D_STIRS_MS] = -1 if given_up or stirs else since_ms
    return since_ms if stirs else 0


def pace(rows, devices, readings, commands, dt_ms):
    bits = 0
    for device, at in here(rows):
        if not rows[at + D_FRESH]:
            continue
        told = commands[im.SETPOINT + device]
        fell, noticed_ms = at + D_FELL, 0
        if rows[at + D_OFFERS]:
            ma = most_drawn_ma(rows, device, readings)
            took_ms = _follow(rows, fell, dt_ms, max(0, told), ma, 1_000, 500)
            noticed_ms = _stirred(rows, at, dt_ms, max(0, told), ma)
        else:
            w = readings[im.DEVICE_W + device]
            took_ms = _follow(rows, fell, dt_ms, max(0, told), w, 300, 100)
            took_ms = max(took_ms, _follow(rows, fell + 2, dt_ms, max(0, -told), -w, 300, 100))
        rows[at + D_TOOK_MS], rows[at + D_NOTICED_MS] = took_ms, noticed_ms
        bits |= (took_ms > 0 or noticed_ms > 0) << device
    return bits


def moves(rows, devices, commands, dt_ms):
    began = 0
    for device, at in here(rows):
        ma = commands[im.SETPOINT + device]
        if not rows[at + D_OFFERS]:
            ma = ma * rows[at + D_MA64_PER_W] >> 6
        by_ma = ma - rows[at + D_LAST_MA]
        away_ma = rows[at + D_LAST_MA] - rows[at + D_REST_MA]
        begins = False
        if abs(by_ma) < (50 if rows[at + D_MOVING_MS] else 100):
            rows[at + D_REST_MS] = min(500, rows[at + D_REST_MS] + dt_ms)
            if rows[at + D_REST_MS] == 500:
                rows[at + D_REST_MA], rows[at + D_MOVING_MS] = ma, 0
        else:
            rows[at + D_REST_MS] = 0
            turns = abs(by_ma) > 700 and away_ma and (by_ma > 0) != (away_ma > 0)
            if turns or not rows[at + D_MOVING_MS]:
                rows[at + D_REST_MA], rows[at + D_MOVING_MS] = rows[at + D_LAST_MA], 0
                begins, began = True, 1
        if begins or rows[at + D_MOVING_MS]:
            rows[at + D_MOVING_MS] += dt_ms
        grows = abs(ma) > abs(rows[at + D_LAST_MA]) or ma * rows[at + D_LAST_MA] < 0
        if rows[at + D_ROSE_MS] < 30_000:
            rows[at + D_ROSE_MS] += dt_ms
        if grows:
            rows[at + D_ROSE_MS] = 0
        rows[at + D_LAST_MA] = ma
        away_ma = ma - rows[at + D_REST_MA]
        counts = abs(away_ma) > 700 and not (rows[at + D_OFFERS] and away_ma >= 0)
        rows[at + D_MOVES_MS] = rows[at + D_MOVING_MS] if counts else 0
    return began
