# islet: what the board says of itself on its console, and how it is stopped for maintenance.
# GPL-3.0-or-later
#
# These lines are understood, whoever types them (tools/flash does):
#
#   islet report    one line of JSON: what runs here, what is energised, what answers
#   islet stop      leaves the firmware for the prompt, unless something is energised
#
# and any other word that the app has an answer to (islet readings: tools/calibrate), and every
# command of the owner's (net/commands.py), with what it is given as JSON, a number or a word:
#
#   islet acknowledge
#   islet goal solar
#   islet target_w {"target_w": -1500, "ttl_s": 600}
#
# Stopping is a reset with a mark in the file system: then whatever ran no longer does, the
# watchdog is off and each output is as its hardware holds it, which no exit in place could
# promise. While something is energised, Ctrl-C does not reach the interpreter either: opening a
# terminal must not end a charge or darken a house.

import asyncio
import gc
import json
import os
import sys
import time

import islet_data
import machine
import micropython

from firmware.image import (
    AGE_MAX_MS,
    EVSE_AGE_MS,
    EVSE_NODE,
    FAST_AGE_MS,
    GRID_AGE_MS,
    GUARD_TICKS,
    HOUSE_AGE_MS,
    IN_BOND,
    IN_CONTACTOR,
    INPUT_NAMES,
    INPUTS,
    INPUTS_AGE_MS,
    INVERTER_AGE_MS,
    INVERTER_NODE,
    ISLAND_CAPABLE,
    ISLAND_GRID,
    ISLAND_LOCKOUT,
    ISLAND_SENSING,
    ISLAND_STATE,
    NODE_AGE_MS,
    NODE_COUNT,
    NODE_INSTRUMENT,
    OUT_BOND,
    OUT_CONTACTOR,
    OUTPUT_NAMES,
    OUTPUTS,
    PERMITS,
    PILOT_AGE_MS,
    PROXIMITY_AGE_MS,
    TOPOLOGY,
    TRIP_NAMES,
    TRIPPED,
)

MARK = "maintenance"  # a file: the next start leaves the board at its prompt, once
FRESH_MS = 2000
_LONGEST_LINE = 560  # a command with its payload
_CTRL_C = 3
_GATEWAY = 2  # T2: the gateway owns its pilot


def held():
    """Whether this start is for maintenance; the mark is good for one start."""
    try:
        os.remove(MARK)
    except OSError:
        return False
    return True


def energised(image, configured=True):
    """Why the firmware must not be stopped now, as sentences; empty when it may be.

    A feedback contact counts where the site uses it: a broken wire says closed, and a board on a
    desk has nothing but broken wires."""
    reasons = []
    site = image.site
    outputs = image.trips[OUTPUTS] | image.commands[PERMITS]
    inputs = image.live[INPUTS] if configured else 0
    if site[EVSE_NODE] < 0 and site[TOPOLOGY] != _GATEWAY:
        inputs &= ~IN_CONTACTOR
    if not site[ISLAND_CAPABLE]:
        inputs &= ~IN_BOND
    if outputs & OUT_CONTACTOR or inputs & IN_CONTACTOR:
        reasons.append("the contactor is closed")
    if image.commands[ISLAND_STATE] not in (ISLAND_SENSING, ISLAND_GRID, ISLAND_LOCKOUT):
        reasons.append("the house is off the grid")
    if outputs & OUT_BOND or inputs & IN_BOND:
        reasons.append("the island's bond is closed")
    return reasons


def instruments(image):
    """(name, state) of whatever this site measures with: ok, silent, or its age."""
    site, live = image.site, image.live
    rows = [("inputs", INPUTS_AGE_MS)]
    if site[EVSE_NODE] >= 0:
        if site[TOPOLOGY] != _GATEWAY:
            rows += [("pilot", PILOT_AGE_MS), ("proximity", PROXIMITY_AGE_MS)]
        rows += [("charging current", EVSE_AGE_MS), ("fast current", FAST_AGE_MS)]
    if site[ISLAND_CAPABLE] or site[INVERTER_NODE] >= 0:
        rows.append(("grid voltage", GRID_AGE_MS))
    if site[ISLAND_CAPABLE]:
        rows.append(("house voltage", HOUSE_AGE_MS))
    if site[INVERTER_NODE] >= 0:
        rows.append(("inverter", INVERTER_AGE_MS))
    for node in range(site[NODE_COUNT]):
        if site[NODE_INSTRUMENT + node]:
            rows.append(("node {}".format(node), NODE_AGE_MS + node))
    return [(name, _state(live[field])) for name, field in rows]


def _state(age_ms):
    if age_ms >= AGE_MAX_MS:
        return "silent since start"
    return "ok" if age_ms <= FRESH_MS else "silent for {} s".format(age_ms // 1000)


def _names(bits, names):
    return [name for i, name in enumerate(names) if bits & 1 << i]


class Console:
    """`board` needs `console`, a stream of bytes; `name` and `errors` are the configuration's."""

    def __init__(self, board, image, name, errors):
        self._board = board
        self._image = image
        self._name = name
        self._errors = errors
        self._sections = {}  # of the report, besides its own
        self._answers = {}
        self._command = None
        self._interruptible = True

    def add(self, section, function):
        """`function()` gives a further section of the report."""
        self._sections[section] = function

    def answer(self, word, function):
        """`function()` is what `islet word` gives, a dict."""
        self._answers[word] = function

    def obey(self, command):
        """`command(name, payload)` carries out an owner's command."""
        self._command = command

    def _energised(self):
        return energised(self._image, not self._errors)

    def report(self):
        """What the board says of itself, for JSON."""
        image = self._image
        gc.collect()
        report = {
            "islet": "report",
            "name": self._name,
            "version": islet_data.VERSION,
            "circuit": self._board.name,
            "platform": sys.platform,
            "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
            "reset_cause": machine.reset_cause(),
            "uptime_s": time.ticks_ms() // 1000,
            "heap_free": gc.mem_free(),
            "heap_total": gc.mem_free() + gc.mem_alloc(),
            "guard_ticks": image.trips[GUARD_TICKS],
            "energised": self._energised(),
            "outputs": _names(image.trips[OUTPUTS], OUTPUT_NAMES),
            "inputs": _names(image.live[INPUTS], INPUT_NAMES),
            "trips": _names(image.trips[TRIPPED], TRIP_NAMES),
            "errors": self._errors,
            "instruments": instruments(image),
            "overlay": overlaid(),
            "storage": trouble(),
        }
        for section, function in self._sections.items():
            report[section] = function()
        return report

    async def run(self):
        """Listen for ever."""
        stream = asyncio.StreamReader(self._board.console)
        line = b""
        while True:
            character = await stream.read(1)
            if character in (b"\r", b"\n"):
                self._take(line)
                line = b""
            elif len(line) < _LONGEST_LINE:
                line += character

    def _take(self, line):
        """Answer a line; what stands before the words may be noise of the connection."""
        at = line.find(b"islet ")
        if at < 0:
            return
        words = bytes(line[at + 6 :]).split(None, 1)
        try:
            word = words[0].decode() if words else ""
        except UnicodeError:
            return
        payload = words[1] if len(words) > 1 else b""
        if word == "report" and not payload:
            say(self.report())
        elif word == "stop" and not payload:
            reasons = self._energised()
            say({"islet": "stop", "refused": reasons})
            if not reasons:
                stop()
        elif word in self._answers and not payload:
            answer = self._answers[word]()
            answer["islet"] = word
            say(answer)
        elif self._command is not None:
            answer = self._command(word, payload)
            answer["islet"] = word
            say(answer)

    def step(self, _dt_ms):
        """Once a second: Ctrl-C reaches the interpreter only while nothing is energised."""
        interruptible = not self._energised()
        if interruptible != self._interruptible:
            self._interruptible = interruptible
            micropython.kbd_intr(_CTRL_C if interruptible else -1)


def overlaid():
    """Modules that do not come from the image (make overlay), by name."""
    try:
        import islet_overlay  # pyright: ignore[reportMissingImports]
    except ImportError:
        return []
    return islet_overlay.MODULES


def trouble():
    """What is wrong with the file system, "" when nothing is."""
    try:
        import islet_storage  # pyright: ignore[reportMissingImports]
    except ImportError:  # a stock image, or the host
        return ""
    return islet_storage.trouble


def say(document):
    print(json.dumps(document))


def stop():
    """Start again, at the prompt."""
    with open(MARK, "w") as file:
        file.write("tools/flash\n")
    time.sleep_ms(50)  # the answer leaves before the connection does
    machine.reset()
