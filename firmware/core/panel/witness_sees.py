# islet: islet's own current as the witness counts it, and what is due of it; in viper (INV-15).
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_DUE_MA,
    D_LAST_MA,
    D_LEG,
    D_LEGS,
    D_MA64_PER_W,
    D_NODE,
    D_OFFERS,
    D_ROSE_MS,
    D_ROW,
    D_SEES_MA,
    D_SETTLES_MS,
    P_DUE,
    P_HEAD,
    P_PARENT,
    P_ROW,
    P_SEES,
)

DRAWS_MA = const(1_000)  # a car that draws less than this does not use a leg


@micropython.viper
def due(plan, rows, at: int):
    """D_DUE_MA of a device, and P_DUE above it: what it was told of late counts as done, for it
    may come at any moment, and holds back others of its kind. A leg that a car does not use has
    none."""
    p = ptr32(plan)
    t = ptr32(rows)
    told_ma = t[at + D_LAST_MA]
    rests = 1
    k = 0
    while k < t[at + D_LEGS]:
        if t[at + D_SEES_MA + t[at + D_LEG + k]] > DRAWS_MA:
            rests = 0
        k += 1
    if t[at + D_ROSE_MS] > t[at + D_SETTLES_MS]:
        told_ma = 0
    k = 0
    while k < t[at + D_LEGS]:
        leg = t[at + D_LEG + k]
        ma = t[at + D_SEES_MA + leg]
        due_ma = 0
        way = 0 if t[at + D_OFFERS] else 3
        if told_ma > ma and told_ma > 0:
            due_ma = told_ma - ma if ma > 0 else told_ma
        if told_ma < ma and told_ma < 0:
            due_ma = ma - told_ma if ma < 0 else 0 - told_ma
            way = 6
        if t[at + D_OFFERS] and rests == 0 and ma <= DRAWS_MA:
            due_ma = 0
        t[at + D_DUE_MA + leg] = due_ma if way < 6 else 0 - due_ma
        node = t[at + D_NODE]
        while node >= 0 and due_ma:
            p[P_HEAD + node * P_ROW + P_DUE + way + leg] += due_ma
            node = p[P_HEAD + node * P_ROW + P_PARENT]
        k += 1


@micropython.viper
def sees(plan, rows, nodes: int, devices: int, readings):
    """D_SEES_MA of every device, and P_SEES of every node: the sums of those below it; and what
    they were told of late."""
    p = ptr32(plan)
    t = ptr32(rows)
    r = ptr32(readings)
    at = P_HEAD
    while nodes:
        leg = at
        while leg < at + 3:
            p[leg + P_SEES] = 0
            p[leg + P_DUE] = 0
            p[leg + P_DUE + 3] = 0
            p[leg + P_DUE + 6] = 0
            leg += 1
        at += P_ROW
        nodes -= 1
    device = 0
    at = 0
    while device < devices:
        node = t[at + D_NODE]
        k = 0
        while node >= 0 and k < t[at + D_LEGS]:
            leg = t[at + D_LEG + k]
            if t[at + D_OFFERS]:
                ma = r[im.DEVICE_MA + device * im.LEGS + k]
            else:
                ma = r[im.DEVICE_W + device] * t[at + D_MA64_PER_W] >> 6
            t[at + D_SEES_MA + leg] = ma
            above = node
            while above >= 0:
                p[P_HEAD + above * P_ROW + P_SEES + leg] += ma
                above = p[P_HEAD + above * P_ROW + P_PARENT]
            k += 1
        if node >= 0:
            due(plan, rows, at)
        device += 1
        at += D_ROW
