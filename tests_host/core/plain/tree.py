# islet: ways through the panel's arrays, for the plain twins.
# GPL-3.0-or-later

from firmware import image as im
from firmware.core.panel.layout import (
    D_LEG,
    D_LEGS,
    D_NODE,
    D_ROW,
    P_BELOW,
    P_PARENT,
    node_at,
)


def below(plan, node):
    """Rows of the devices at and below a node."""
    bits = plan[node_at(node) + P_BELOW]
    return [device for device in range(32) if bits >> device & 1]


def path(plan, node):
    """A node and all above it."""
    nodes = []
    while node >= 0:
        nodes.append(node)
        node = plan[node_at(node) + P_PARENT]
    return nodes


def here(rows):
    """(row, where it begins) of the devices that the site has."""
    count = len(rows) // D_ROW
    return [(d, d * D_ROW) for d in range(count) if rows[d * D_ROW + D_NODE] >= 0]


def legs(rows, at):
    """(which of the device, of the site) of its legs."""
    return list(enumerate(rows[at + D_LEG : at + D_LEG + rows[at + D_LEGS]]))


def most_drawn_ma(rows, device, readings):
    first = im.DEVICE_MA + device * im.LEGS
    return max([0] + [readings[first + k] for k, _ in legs(rows, device * D_ROW)])
