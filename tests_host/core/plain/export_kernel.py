# islet: what export_kernel.py computes, said plainly; tested for equality.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_FRESH,
    D_LEGS,
    D_OFFERS,
    D_RANK,
    D_ROW,
    D_TAKES,
    D_VOLTS,
)
from tests_host.core.plain.tree import legs


def highest(rows, order, count, readings, floor_mv):
    offers = [at for at in order[:count] if rows[at + D_OFFERS]]
    seen = [readings[im.GRID_MV + leg] for at in offers for _, leg in legs(rows, at)]
    return max([floor_mv] + seen)


def _wants(rows, at):
    return rows[at + D_TAKES + 1] * rows[at + D_VOLTS] // 1000 * rows[at + D_LEGS]


def _part(rows, group, one, left_w):
    wants = [_wants(rows, at) for at in group]
    if left_w <= 0:
        return 0
    if _wants(rows, one) * len(group) <= left_w:
        return _wants(rows, one)
    small = [w for w in wants if w * len(group) <= left_w]
    return min(_wants(rows, one), (left_w - sum(small)) // (len(group) - len(small)))


def share(rows, order, count, readings, commands, has, most, left_w):
    queue = list(order[:count])
    for at in queue:
        device = at // D_ROW
        told_w, now_w = -commands[im.SETPOINT + device], -readings[im.DEVICE_W + device]
        has[device] = max(0, told_w, now_w if rows[at + D_FRESH] else 0)
        if rows[at + D_OFFERS]:
            has[device] = 0
    served_w = 0
    for rank in sorted({rows[at + D_RANK] for at in queue}):
        group = [at for at in queue if rows[at + D_RANK] == rank]
        for at in group:
            part_w = _part(rows, group, at, left_w - served_w)
            has[at // D_ROW] = max(has[at // D_ROW], part_w)
        all_w = sum(has[at // D_ROW] for at in queue)
        for at in group:
            most[at // D_ROW] = max(0, left_w - all_w + has[at // D_ROW])
        served_w += sum(has[at // D_ROW] for at in group)
