# islet: leases given and released: what issuers limit (INV-8).
# GPL-3.0-or-later
#
# Limits add up. What an issuer says stands until its own end, whatever it or anybody else says
# later; its release ends all that it said of this device or node, and nothing else. So there is a
# row per issuer, and in it a few ranges with an end each: one that another covers is not kept, and
# where there are too many, two become one that is as strict as either, as long as the later.

from firmware import image as im
from firmware.base.viper import const
from firmware.people.names import takes_offer

WIDEST = 2_000_000  # an end left open
RELEASED = im.AGE_MAX_MS  # until released
_OWNER = const(1)  # row of ISSUERS
NODE = -1  # of what is leased: not a device but the issuer's node

# Who may speak for each issuer, in the order in which one of two equal limits is named.
ISSUERS = (
    "operator",  # of the network: the command operator, over MQTT
    "owner",  # the command limit: page, console, MQTT
    None,  # a dry contact
    "operator",  # who shares a site's limit out; this and those below by the field issuer
    "operator",  # OCPP
    "operator",  # OpenADR
    "operator",  # a utility that orders to run apart from it
    "operator",  # an energy manager in the house
)


def spoken_for(role):
    """Names of the issuers that a role may speak for, the first by default."""
    rows = zip(im.ISSUER_NAMES, ISSUERS[: im.ISSUERS])
    return tuple(name for name, who in rows if who == role)


def give(image, issuer, leased, low, high, ttl_s, node=-1):
    """A range for so many s, or until released (None)."""
    requests = image.requests
    up_s = image.commands[im.UP_S]
    until_s = RELEASED if ttl_s is None else min(up_s + ttl_s + 1, RELEASED - 1)
    row = _row(issuer, leased)
    if leased == NODE:
        requests[im.LEASE_NODE + issuer] = node
    new = (low, high, until_s)
    for _ in range(2):  # the first time may make room
        steps = standing(image, issuer, leased)
        for step in steps:
            if step and step[2] == until_s:  # exactly
                new = _both(step, new)
        if any(step and _covers(step, new) for step in steps):
            break
        covered = [i for i, step in enumerate(steps) if step and _covers(new, step)]
        free = covered + [i for i, step in enumerate(steps) if not step]
        if free:
            for i in covered:
                _put(requests, row + i, (0, 0, 0))
            _put(requests, row + free[0], new)
            break
        new = _merge(requests, row, steps, new)
        until_s = new[2]
    _changed(requests)


def fall_back(image, issuer, leased, low, high):
    """A range for whenever none with an end stands, until released."""
    requests = image.requests
    at = _at(issuer, leased)
    requests[im.LEASE_BACK_LOW + at] = max(low, requests[im.LEASE_BACK_LOW + at])
    requests[im.LEASE_BACK_HIGH + at] = min(high, requests[im.LEASE_BACK_HIGH + at])
    _changed(requests)


def release(image, issuer, leased, steps=None):
    """All that the issuer said of it, or these steps alone."""
    requests = image.requests
    row = _row(issuer, leased)
    for i in range(im.LEASE_STEPS) if steps is None else steps:
        _put(requests, row + i, (0, 0, 0))
    if steps is not None:
        _changed(requests)
        return
    requests[im.LEASE_BACK_LOW + _at(issuer, leased)] = -WIDEST
    requests[im.LEASE_BACK_HIGH + _at(issuer, leased)] = WIDEST
    if leased == NODE:
        requests[im.LEASE_NODE + issuer] = -1
    _changed(requests)


def stops(image, device):
    """Which of the owner's ranges leave a device nothing at all until they are released."""
    offers = takes_offer(image.site, device)
    return [
        i
        for i, step in enumerate(standing(image, _OWNER, device))
        if step and step[2] == RELEASED and step[1] == 0 and (offers or step[0] == 0)
    ]


def standing(image, issuer, leased):
    """(low, high, until_s) of each step, None where there is none."""
    requests, up_s = image.requests, image.commands[im.UP_S]
    row = _row(issuer, leased)
    return [
        (requests[im.LEASE_LOW + i], requests[im.LEASE_HIGH + i], requests[im.LEASE_UNTIL_S + i])
        if requests[im.LEASE_UNTIL_S + i] > up_s
        else None
        for i in range(row, row + im.LEASE_STEPS)
    ]


def holds(image, issuer, leased):
    """Whether the issuer limits it, now or as a fall-back."""
    requests = image.requests
    at = _at(issuer, leased)
    back = (requests[im.LEASE_BACK_LOW + at], requests[im.LEASE_BACK_HIGH + at])
    return back != (-WIDEST, WIDEST) or any(standing(image, issuer, leased))


def holders(image, leased, node=-1):
    """Numbers of the issuers that limit it."""
    nodes = image.requests[im.LEASE_NODE : im.LEASE_NODE + im.ISSUERS]
    return [
        issuer
        for issuer in range(im.ISSUERS)
        if (leased != NODE or nodes[issuer] == node) and holds(image, issuer, leased)
    ]


def of_node(image, node):
    """As `shown`, of the issuers that limit this node."""
    return shown(image, NODE, "ma", node)


def shown(image, leased, unit, node=-1):
    """What each issuer holds of it, for the published state: its ranges and what is left of them,
    None until released; what it falls back to comes last."""
    found = []
    requests, up_s = image.requests, image.commands[im.UP_S]
    for issuer in holders(image, leased, node):
        name = im.ISSUER_NAMES[issuer]
        for step in standing(image, issuer, leased):
            if step:
                left_s = None if step[2] == RELEASED else step[2] - up_s
                found.append(_shown(name, "holds", step[0], step[1], unit, left_s))
        at = _at(issuer, leased)
        low, high = requests[im.LEASE_BACK_LOW + at], requests[im.LEASE_BACK_HIGH + at]
        if (low, high) != (-WIDEST, WIDEST):
            found.append(_shown(name, "falls back", low, high, unit, None))
    return found


def _shown(name, what, low, high, unit, left_s):
    return {
        "issuer": name,
        "what": what,
        "low_" + unit: None if low == -WIDEST else low,
        "high_" + unit: None if high == WIDEST else high,
        "left_s": left_s,
    }


def _at(issuer, leased):
    return issuer * im.LEASED + 1 + leased


def _row(issuer, leased):
    return _at(issuer, leased) * im.LEASE_STEPS


def _covers(one, other):
    """At least as strict for at least as long."""
    return one[0] >= other[0] and one[1] <= other[1] and one[2] >= other[2]


def _both(one, other):
    return max(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2])


def _merge(requests, row, steps, new):
    """All places are taken: two whose ends are nearest become one; returns what is left to place.
    What takes a place covers what it was, so that a power cut between two records never loosens.
    """
    order = sorted(steps + [new], key=lambda step: step[2])
    gaps = [order[i + 1][2] - order[i][2] for i in range(len(steps))]
    i = gaps.index(min(gaps))
    merged = _both(order[i], order[i + 1])
    if new in order[i : i + 2]:
        return merged
    _put(requests, row + steps.index(order[i]), merged)
    _put(requests, row + steps.index(order[i + 1]), (0, 0, 0))
    return new


def _put(requests, at, step):
    requests[im.LEASE_LOW + at], requests[im.LEASE_HIGH + at] = step[0], step[1]
    requests[im.LEASE_UNTIL_S + at] = step[2]


def _changed(requests):
    seq = requests[im.LEASE_SEQ]
    requests[im.LEASE_SEQ] = seq + 1 if seq < im.AGE_MAX_MS else 0
