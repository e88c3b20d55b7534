# islet: what claims_kernel.py computes, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_AFTER,
    D_EXCESS_MS,
    D_FRESH,
    D_HIGH,
    D_LEGS,
    D_LOW,
    D_OFFERS,
    D_PROVED_DRAW,
    D_PROVED_FEED,
    D_ROW,
    D_VOLTS,
    END_LEG,
    END_NODE,
    END_WHY,
    WHY_STALE,
    WIDE_MA,
)
from tests_host.core.plain.tree import legs

FIELDS = (
    im.CLAIM_LOW, im.CLAIM_HIGH, im.CLAIM_REASON, im.CLAIM_LOW_REASON, im.CLAIM_NODE,
    im.CLAIM_LEG, im.CLAIM_VALUE,
)  # fmt: skip


def _write(commands, device, claim):
    for field, value in zip(FIELDS, claim):
        commands[field + im.PANEL * im.DEVICES + device] = value


def claim(plan, rows, order, count, readings, commands, reasons, most):
    beyond = 0
    for at in order[:count]:
        device = at // D_ROW
        if rows[at + D_OFFERS]:
            first = im.DEVICE_MA + device * im.LEGS
            drawn_ma = max(readings[first + k] for k, _ in legs(rows, at))
            if rows[at + D_FRESH] and drawn_ma > rows[at + D_HIGH] + 600:
                beyond |= 1 << device
            else:
                rows[at + D_EXCESS_MS] = commands[im.DEVICE_OVERDUE + device] = 0
        high, low, low_reason = rows[at + D_HIGH], 0, im.REASON_NONE
        end, after = at + D_HIGH, rows[at + D_AFTER]
        if not rows[at + D_OFFERS]:
            high, low = (
                min(1_000_000, rows[at + way] * rows[at + D_VOLTS] // 1000 * rows[at + D_LEGS])
                for way in (D_HIGH, D_LOW)
            )
            low_reason = reasons[rows[at + D_LOW + END_WHY]]
            if low < high:
                end, after = at + D_LOW, rows[at + D_AFTER + 1]
        node, leg, value = rows[end + END_NODE], rows[end + END_LEG], rows[end]
        if rows[end + END_WHY] == WHY_STALE:
            value = readings[im.NODE_AGE_MS + node]
        if not rows[at + D_OFFERS] and most[device] < low:
            low, low_reason = most[device], im.REASON_EXPORT
            if low < high:
                node, leg, after, value = 0, -1, -1, low
        reason = reasons[rows[at + D_HIGH + END_WHY]]
        _write(commands, device, (-low, high, reason, low_reason, node, leg, value))
        commands[im.DEVICE_AFTER + device] = after
    return beyond


def _watts(rows, at, room, volts):
    ma = rows[at + room]
    return ma if ma >= WIDE_MA else max(0, ma) * volts // 1000 * rows[at + D_LEGS]


def narrow(rows, order, count, commands, volts):
    for at in order[:count]:
        device = at // D_ROW
        low, high, reason, low_reason = (
            commands[field + im.PANEL * im.DEVICES + device] for field in FIELDS[:4]
        )
        tight, value = None, 0
        if rows[at + D_OFFERS]:
            if rows[at + D_PROVED_DRAW] < high:
                tight, value = D_PROVED_DRAW, rows[at + D_PROVED_DRAW]
                low, high = 0, max(0, value)
                reason = low_reason = im.REASON_UNPROVED
        else:
            draw_w, feed_w = (_watts(rows, at, w, volts) for w in (D_PROVED_DRAW, D_PROVED_FEED))
            feeds, draws = -feed_w > low, draw_w < high
            low, low_reason = (-feed_w, im.REASON_UNPROVED) if feeds else (low, low_reason)
            high, reason = (draw_w, im.REASON_UNPROVED) if draws else (high, reason)
            tighter = (D_PROVED_FEED, low_reason) if -low < high else (D_PROVED_DRAW, reason)
            if (feeds or draws) and tighter[1] == im.REASON_UNPROVED:
                tight = tighter[0]
            elif feeds or draws:
                tight, value = -1, commands[im.CLAIM_VALUE + im.PANEL * im.DEVICES + device]
        if tight is not None:
            own = [commands[f + im.PANEL * im.DEVICES + device] for f in FIELDS[4:6]]
            place = own if tight < 0 else [rows[at + tight + i] for i in (END_NODE, END_LEG)]
            _write(commands, device, [low, high, reason, low_reason] + place + [value])
