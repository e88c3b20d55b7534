# islet: what the board says of itself on its console, and how it is stopped for maintenance.
# GPL-3.0-or-later
#
# These lines are understood, whoever types them (tools/flash does):
#
#   islet report    one line of JSON: what runs here, what is energised, what answers
#   islet state     the published state, of the text that page and MQTT are served from
#   islet frames on, islet frames, islet frames off
#                   keeps what goes over the lines (or `on LINE`), shows its last minute in hex,
#                   keeps it no longer: for a report of a fault
#   islet stop      leaves the firmware for the prompt, unless something is energised
#
# and any other word that the app has an answer to (islet readings: tools/calibrate), and every
# command of the owner's (people/asked.py), with what it is given as JSON, a number or a word:
#
#   islet acknowledge
#   islet goal solar
#   islet target_w {"target_w": -1500, "ttl_s": 600}
#
# While something is energised, Ctrl-C does not reach the interpreter either: opening a
# terminal must not end a charge or darken a house.

import asyncio
import gc
import json
import sys
import time

import islet_data
import machine
import micropython

from firmware import image as im
from firmware.maintenance import overlaid, stop, trouble
from firmware.people.published import Published
from firmware.people.standing import energised, instruments

_LONGEST_LINE = 560  # a command with its payload
_CTRL_C = 3


class Console:
    """`board` needs `console`, a stream of bytes; `name`, `names` of the rows and `errors` are the
    configuration's."""

    def __init__(self, board, image, name, names, errors):
        self._board = board
        self._image = image
        self._name = name
        self._names = names
        self._errors = errors
        self._sections = {}  # of the report, besides its own
        self._answers = {}
        self._tellers = {}
        self._command = None
        self._published: Published | None = None
        self._interruptible = True
        self.leave = None  # a coroutine function: what is said to others before a stop
        self.stay = None  # called where it is none after all

    def add(self, section, function):
        """`function()` gives a further section of the report."""
        self._sections[section] = function

    def answer(self, word, function):
        """`function()` is what `islet word` gives, a dict."""
        self._answers[word] = function

    def tell(self, word, function):
        """`function(payload)` is what `islet word payload` gives, dict by dict."""
        self._tellers[word] = function

    def obey(self, command):
        """`command(name, payload)` carries out an owner's command."""
        self._command = command

    def publish(self, published):
        """A Published: what `islet state` gives."""
        self._published = published

    def _energised(self):
        return energised(self._image, self._names, not self._errors)

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
            "guard_ticks": image.trips[im.GUARD_TICKS],
            "energised": self._energised(),
            "outputs": im.names_of(image.trips[im.OUTPUTS], im.OUTPUT_NAMES),
            "inputs": im.names_of(image.live[im.INPUTS], im.INPUT_NAMES),
            "trips": im.names_of(image.trips[im.TRIPPED], im.TRIP_NAMES),
            "errors": self._errors,
            "instruments": instruments(image, self._names),
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
                await self._take(line)
                line = b""
            elif len(line) < _LONGEST_LINE:
                line += character

    async def _take(self, line):
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
        elif word == "state" and not payload and self._published is not None:
            await self._state(self._published)
        elif word == "stop" and not payload:
            reasons = self._energised()
            if not reasons and self.leave is not None:
                await self.leave()  # pyright: ignore[reportGeneralTypeIssues]
                reasons = self._energised()  # it has taken a while
            say({"islet": "stop", "refused": reasons})
            if not reasons:
                stop()
            elif self.stay is not None:
                self.stay()
        elif word in self._tellers:
            for part in self._tellers[word](payload):
                part["islet"] = word
                say(part)
                await asyncio.sleep(0)
        elif word in self._answers and not payload:
            answer = self._answers[word]()
            answer["islet"] = word
            say(answer)
        elif self._command is not None:
            answer = self._command(word, payload)
            answer["islet"] = word
            say(answer)

    async def _state(self, published):
        """A kB at a time: others run in between. Where it is written anew meanwhile the line is no
        JSON, and whoever asked asks again."""
        reader = await published.read()
        write = sys.stdout.buffer.write  # a piece may end within a letter
        write(b'{"islet": "state", "state": ')
        try:
            async for piece in reader:
                write(bytes(piece))
                await asyncio.sleep(0)
        except OSError:
            pass
        await reader.aclose()
        write(b"}\n")

    def step(self, _dt_ms):
        """Once a second: Ctrl-C reaches the interpreter only while nothing is energised."""
        interruptible = not self._energised()
        if interruptible != self._interruptible:
            self._interruptible = interruptible
            micropython.kbd_intr(_CTRL_C if interruptible else -1)


def say(document):
    print(json.dumps(document))
