# islet: gains, offsets, delays and the wiring of current transformers, found with a person's help.
# GPL-3.0-or-later
"""`make calibrate`; docs/calibration.md says how it is done.

    wiring   which transformer sits on which leg, and which way round, from a load that is switched
    gains    gain, offset and delay of a channel, from a meter or a voltmeter that is trusted
    store    the calibration file: merged, checked by the firmware itself, put onto the board
    trusted  what the trusted instrument says: typed, or read from a Modbus meter
    sampler  what the board says
    talk     the questions and the answers

wiring and gains are pure functions of readings. Whatever they cannot tell for sure they refuse.
"""

from __future__ import annotations


class Doubt(Exception):
    """The readings do not say it for sure; the text says what to do about it."""
