# islet: a step of islet's own, and when the instruments above it show it; in viper.
# GPL-3.0-or-later
#
# The same text runs on CPython; tests_host/core/plain says it in few words, and both are tested
# for equality. Arrays as in layout.py.

from firmware import image as im
from firmware.base.viper import const, micropython, ptr32
from firmware.core.panel.layout import (
    D_LEG,
    D_NODE,
    D_RESTED,
    D_ROW,
    H_HIGH,
    H_LOW,
    H_ROW,
    P_BEFORE,
    P_BELOW,
    P_HEAD,
    P_HIDDEN,
    P_METERED,
    P_REF,
    P_ROW,
    P_SHOWN,
    RING,
)

_STEP_MA = const(3_000)  # INV-15's evidence
_STEADY_MA = const(500)
_SPAN = const(8)  # slots in which a step happens


@micropython.viper
def note(plan, readings, nodes: int, bit: int):
    """Before a step of a device: what the instruments above it show."""
    p = ptr32(plan)
    r = ptr32(readings)
    at = P_HEAD
    flow = im.NODE_MA
    while nodes:
        if p[at + P_METERED] and p[at + P_BELOW] & bit:
            p[at + P_REF] = r[flow]
            p[at + P_REF + 1] = r[flow + 1]
            p[at + P_REF + 2] = r[flow + 2]
            p[at + P_SHOWN] = 0
        at += P_ROW
        flow += 3
        nodes -= 1


@micropython.viper
def stepped(
    plan, rows, slots, readings, nodes: int, devices: int, head: int
) -> int:  # fmt: skip
    """A device that stood still makes a step on its first leg: its row + 1, else 0. What stands is
    noted as it is."""
    t = ptr32(rows)
    s = ptr32(slots)
    now = head * devices * H_ROW
    then = ((head - _SPAN) & (RING - 1)) * devices * H_ROW
    at = 0
    device = 0
    while device < devices:
        leg = t[at + D_LEG]
        if t[at + D_NODE] >= 0:
            ma = s[now + leg + H_LOW]
            was_ma = s[then + leg + H_LOW]
            if ma == s[now + leg + H_HIGH] and was_ma == s[then + leg + H_HIGH]:
                step_ma = ma - was_ma
                if step_ma <= _STEADY_MA and step_ma >= 0 - _STEADY_MA:
                    t[at + D_RESTED] = 1
                    note(plan, readings, nodes, 1 << device)
                elif t[at + D_RESTED] and (step_ma >= _STEP_MA or step_ma <= 0 - _STEP_MA):
                    t[at + D_RESTED] = 0
                    return device + 1
        now += H_ROW
        then += H_ROW
        at += D_ROW
        device += 1
    return 0


@micropython.viper
def appear(plan, readings, nodes: int, bit: int, leg: int, step_ma: int, since_ms: int) -> int:
    """Look for a step of a device's own in the readings above it: the number of those in which it
    has not shown. P_SHOWN says after how long it did, at least 1 ms, and P_HIDDEN how much longer
    than the readings' own ages explain."""
    p = ptr32(plan)
    r = ptr32(readings)
    flow = im.NODE_MA + leg
    waiting = 0
    at = P_HEAD
    while nodes:
        if p[at + P_METERED] and p[at + P_BELOW] & bit and p[at + P_SHOWN] == 0:
            moved_ma = r[flow] - p[at + leg + P_REF]
            half_ma = step_ma
            if step_ma < 0:
                moved_ma = 0 - moved_ma
                half_ma = 0 - half_ma
            if moved_ma >= half_ma >> 1:
                p[at + P_SHOWN] = since_ms if since_ms > 1 else 1
                hidden_ms = since_ms - p[at + P_BEFORE]
                p[at + P_HIDDEN] = hidden_ms if hidden_ms > 0 else 0
            else:
                waiting += 1
        at += P_ROW
        flow += 3
        nodes -= 1
    return waiting


@micropython.viper
def own(slots, devices: int, head: int, leg: int) -> int:
    """What all devices draw on a leg now, at least."""
    s = ptr32(slots)
    at = head * devices * H_ROW + leg + H_LOW
    sum_ma = 0
    while devices:
        sum_ma += s[at]
        at += H_ROW
        devices -= 1
    return sum_ma
