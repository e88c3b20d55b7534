# islet: the tables of claims and of leases, in viper; the same text runs on CPython.
# GPL-3.0-or-later
#
# `commands` holds the claims: blocks [source][device] that follow one another as image.py declares
# them: low, high, reason, reason of low, node, leg, value. Then the results, blocks [device]:
# grant low, grant high, winner of each. Ranges stay within 2e6, values 1e9. How many rows there
# are is the caller's to say.

from firmware.base.viper import const, micropython, ptr32

_WIDEST = const(2_000_000)  # any current in mA or power in W: no limit
_RELEASED = const(1_000_000_000)  # the end of what stands until released: none
_AGE_MAX_MS = const(1_000_000_000)

# a device's request: its sequence number, its age, whether it stands (-1: to be said again)
SAID_SEQ = const(0)
SAID_MS = const(1)
SAID_STANDS = const(2)
SAID = const(3)


@micropython.viper
def claim(
    commands, at: int, rows: int, low: int, high: int,
    reason: int, node: int, leg: int, value: int, low_reason: int, wish: int,
):  # fmt: skip
    """Write one claim; `at` is the place of its low end, `rows` how long each block is. The range
    is made to contain zero unless it is a wish."""
    table = ptr32(commands)
    if not wish:
        if low > 0:
            low = 0
        if high < 0:
            high = 0
    if low < 0 - _WIDEST:
        low = 0 - _WIDEST
    if high > _WIDEST:
        high = _WIDEST
    if low_reason < 0:
        low_reason = reason
    table[at] = low
    at += rows
    table[at] = high
    at += rows
    table[at] = reason
    at += rows
    table[at] = low_reason
    at += rows
    table[at] = node
    at += rows
    table[at] = leg
    table[at + rows] = value


@micropython.viper
def arbitrate(commands, first: int, sources: int, results: int, devices: int):
    """Intersect all claims in the order of their sources; remember who moved each end. `first` is
    the place of the claims, `results` that of the grants."""
    table = ptr32(commands)
    apart = sources * devices
    device = 0
    while device < devices:
        at = first + device
        low = table[at]
        high = table[at + apart]
        low_winner = 0
        high_winner = 0
        source = 1
        while source < sources:
            at += devices
            bottom = table[at]
            top = table[at + apart]
            if bottom > high:
                bottom = high
            if top < low:
                top = low
            if bottom > low:
                low_winner = source
                low = bottom
            if top < high:
                high_winner = source
                high = top
            source += 1
        at = results + device
        table[at] = low
        at += devices
        table[at] = high
        at += devices
        table[at] = low_winner
        table[at + devices] = high_winner
        device += 1


@micropython.viper
def hold(
    requests, commands, rows: int, steps: int, leases: int, back: int, held: int, up_s: int
) -> int:
    """What the leases of each row leave at this time; returns when the next one ends. `leases` is
    the place of the blocks low, high, until [row][step]; `back` and `held` of low, high [row]."""
    said = ptr32(requests)
    table = ptr32(commands)
    apart = rows * steps
    next_s = _RELEASED
    row = 0
    while row < rows:
        low = 0 - _WIDEST
        high = _WIDEST
        timed = 0
        at = leases + row * steps
        end = at + steps
        while at < end:
            until_s = said[at + 2 * apart]
            if until_s > up_s:
                if said[at] > low:
                    low = said[at]
                if said[at + apart] < high:
                    high = said[at + apart]
                if until_s < _RELEASED:
                    timed = 1
                    if until_s < next_s:
                        next_s = until_s
            at += 1
        if timed == 0:
            if said[back + row] > low:
                low = said[back + row]
            if said[back + rows + row] < high:
                high = said[back + rows + row]
        table[held + row] = low
        table[held + rows + row] = high
        row += 1
    return next_s


@micropython.viper
def strictest(commands, found, at: int, issuers: int, stride: int, apart: int):
    """Low, high, and whose each is (-1 nobody's) of what all issuers leave; `at` is the place of
    the first one's low end, the next one's a `stride` on, high ends `apart` from low ones."""
    table = ptr32(commands)
    result = ptr32(found)
    low = 0 - _WIDEST
    high = _WIDEST
    by_low = -1
    by_high = -1
    issuer = 0
    while issuer < issuers:
        if table[at] > low:
            low = table[at]
            by_low = issuer
        if table[at + apart] < high:
            high = table[at + apart]
            by_high = issuer
        at += stride
        issuer += 1
    result[0] = low
    result[1] = high
    result[2] = by_low
    result[3] = by_high


@micropython.viper
def said(table, requests, bits: int, sequence: int, ttl: int, dt_ms: int) -> int:
    """The devices of `bits` whose request begins or ceases to stand, or is said anew, as bits.
    `sequence` and `ttl` are the places of the blocks of sequence numbers and of times to live."""
    t = ptr32(table)
    q = ptr32(requests)
    changed = 0
    bit = 1
    at = 0
    while bit <= bits:
        if bits & bit:
            ms = t[at + SAID_MS] + dt_ms
            if ms > _AGE_MAX_MS:
                ms = _AGE_MAX_MS
            if q[sequence] != t[at + SAID_SEQ]:
                t[at + SAID_SEQ] = q[sequence]
                t[at + SAID_STANDS] = 0 - 1
                ms = 0
            t[at + SAID_MS] = ms
            stands = 1 if ms < q[ttl] else 0
            if stands != t[at + SAID_STANDS]:
                t[at + SAID_STANDS] = stands
                changed |= bit
        sequence += 1
        ttl += 1
        at += SAID
        bit += bit
    return changed
