# islet: what happened: changes of state, faults, trips; the last ones kept in a ring, as numbers.
# GPL-3.0-or-later
#
# The ring is bytes, made at the start: what happens takes no heap, however much and however long.
# Words are made of an event's numbers when somebody reads it.

import json
import struct
from array import array

from firmware import image as im
from firmware.base.viper import const
from firmware.people import alerts, words
from firmware.people.state import wall_text

KEPT = const(32)
TEXT = const(32)  # bytes of a text that no number stands for; a longer one loses its end
_ROW = "<iBBhq"  # wall time in minutes, kind, what, whose, value; a text stands in value's place
_BYTES, _TEXT_AT = const(40), const(8)
AGAIN = ("bond",)  # faults told again every hour that they stand (safety.md 6)
AGAIN_S = 3600

START = const(0)
PILOT, CONTACTOR, GRID, ISLAND, NOTE = const(1), const(2), const(3), const(4), const(5)
FAULT, FAULT_OVER = const(6), const(7)  # in the order of alerts.FAULT, TRIP, SILENT
TRIP, TRIP_OVER = const(8), const(9)
SILENT, SILENT_OVER = const(10), const(11)
INTERRUPT = const(12)
ERROR, ERROR_TEXT = const(13), const(14)
# what a network has to say counts from CLOCK_SET
CLOCK_SET, CLOCK_MOVED, CLOCK_DOUBTED = const(15), const(16), const(17)
JOINED, NOT_JOINED = const(18), const(19)
OPEN, NOT_OPEN = const(20), const(21)
ACCESS = const(22)  # and those that follow: firmware/access/inside.py

# One row per kind, in this order: what it is about, the sentence. {words} are of another table,
# {value} is the number that came with it.
KINDS = (
    ("start", "{words}"),
    ("pilot", "{words}"),
    ("contactor", "{words}"),
    ("grid", "{words}"),
    ("island", "{words}"),
    ("note", "{words}"),
    ("fault", "{words}"),
    ("fault", "Cleared: {words}"),
    ("trip", "{words}"),
    ("trip", "Cleared: {words}"),
    ("silent", "{words}"),
    ("silent", "{name} answers again."),
    ("interrupt", "an interrupt's handler failed, {value} since start"),
    ("link", "{name}: {words} {value}"),
    ("link", "{name}: {words}"),
    ("clock", "The clock was set from the network."),
    ("clock", "The clock was moved by {value} s, as the network says."),
    ("clock", "The network says that the clock is off by {value} s: it is asked again."),
    ("network", "Joined the Wi-Fi of {words}."),
    ("network", "No Wi-Fi: {words}."),
    ("network", "The box's own access point is up."),
    ("network", "The box's own access point is not up: {words}."),
    ("access", "The way in was opened at the box, for 5 min."),
    ("access", "The box was claimed."),
    ("access", "Not claimed: something is energised, or what came does not fit."),
    ("access", "Everybody was forgotten, at the box."),
    ("access", "Nobody was forgotten: something is energised."),
)

# kind, field of commands; of each point, and of the site
OF_POINT = (
    (PILOT, im.POINT_PILOT_STATE),
    (CONTACTOR, im.POINT_CONTACTOR_STATE),
)
OF_SITE = (
    (GRID, im.GRID_STATE),
    (ISLAND, im.ISLAND_STATE),
    (NOTE, im.ISLAND_NOTE),
)
# what a task fails with, by number; of others the name is text
ERRORS = (
    "OSError",
    "ValueError",
    "TypeError",
    "AttributeError",
    "IndexError",
    "KeyError",
    "MemoryError",
    "RuntimeError",
    "AssertionError",
    "NameError",
    "UnicodeError",
    "ZeroDivisionError",
    "OverflowError",
    "NotImplementedError",
    "EOFError",
    "StopIteration",
)
_OTHER = const(-1)


class Events:
    """Numbered events; each reader remembers the number it has seen.

    names: Names of the site's rows; starts: sentences, by how a start was; task(row): the name of
    what may fail."""

    def __init__(self, image, names, starts=(), task=None):
        self.image = image
        self.names = names
        self.starts = starts
        self.task = task or str
        self.count = 0  # number of the newest
        self._ring = bytearray(KEPT * _BYTES)
        states = [field for _, field in OF_SITE]
        for point in range(im.POINTS):
            states += [field + point for _, field in OF_POINT]
        self._states = array("i", [image.commands[field] for field in states])
        self._standing = self._alerts()
        self._seen = array("i", [-1] * (2 + im.POINTS))  # masks of faults and trips
        self._again_s = 0

    def add(self, kind, what=0, whose=-1, value=0, text=None):
        """Note an event by its numbers, or with a text instead of `value`; it takes the place of
        the oldest."""
        self.count += 1
        at = self.count % KEPT * _BYTES
        minute = self.image.readings[im.WALL_MIN]
        struct.pack_into(_ROW, self._ring, at, minute, kind, what, whose, value)
        if text is not None:
            at += _TEXT_AT
            self._ring[at : at + TEXT] = _bounded(text)

    def failed(self, task, error):
        """A task of this row ended with an exception."""
        name, text = type(error).__name__, str(error)
        if name in ERRORS:
            its = ERRORS.index(name)
            number = error.args[0] if len(error.args) == 1 else None
            if its == 0 and type(number) is int and abs(number) < 10_000:
                self.add(ERROR, task, its, number)  # the number says it all
                return
        else:
            its, text = _OTHER, name + " " + text
        self.add(ERROR_TEXT, task, its, 0, text)

    def poll(self, seconds=0):
        """Compare with the image of the last call and note what changed, or what has stood for an
        hour; `seconds` have passed since the last call that told any."""
        commands, site, states = self.image.commands, self.image.site, self._states
        i = 0
        for point in range(-1, im.POINTS):
            for kind, field in OF_SITE if point < 0 else OF_POINT:
                row = max(point, 0)
                before, value = states[i], commands[field + row]
                states[i] = value
                i += 1
                if value == before or (point >= 0 and site[im.POINT_DEVICE + point] < 0):
                    continue
                if words.state_text(KINDS[kind][0], value)[1]:
                    self.add(kind, row, value, before)
        if self._changed() or seconds:
            self._compare(self._alerts(), seconds)

    def _changed(self):
        """Whether faults or trips are others than before; what is silent can wait."""
        commands, seen = self.image.commands, self._seen
        changed = False
        for i in range(len(seen)):
            if i < im.POINTS:
                now = commands[im.POINT_FAULTS + i]
            else:
                now = commands[im.FAULTS] if i == im.POINTS else self.image.trips[im.TRIPPED]
            changed = changed or now != seen[i]
            seen[i] = now
        return changed

    def _alerts(self):
        """What stands, by what makes two of them the same."""
        image, names, commands = self.image, self.names, self.image.commands
        codes = list(alerts.silent_codes(names, image.readings, commands[im.UP_S]))
        codes += alerts.fault_codes(names, commands)
        codes += alerts.trip_codes(names, image.trips[im.TRIPPED])
        return {alerts.same(names, code): code for code in codes}

    def _compare(self, codes, seconds):
        before, self._standing = self._standing, codes
        for key in codes:
            if key not in before:
                self._tell(codes[key])
        for key in before:
            if key not in codes:
                self._tell(before[key], 1)
        again = [code for code in codes.values() if _again(code)]
        self._again_s = self._again_s + seconds if again else 0
        if self._again_s >= AGAIN_S:
            self._again_s = 0
            for code in again:
                self._tell(code)

    def _tell(self, code, over=0):
        kind, what, whose = alerts.parts(code)
        age_ms = 0
        if kind == alerts.SILENT:
            image = self.image
            age_ms = alerts.age_of(what, image.readings, image.commands[im.UP_S])
        self.add(FAULT + 2 * kind + over, what, whose, age_ms)

    # --- in words -----------------------------------------------------------------------------

    def after(self, number):
        """JSON texts of the events newer than `number` that are kept, the oldest first, each made
        when it is asked for; those too that come meanwhile."""
        while number < self.count:
            number = max(number, self.count - KEPT) + 1
            yield self._text(number)

    def _text(self, number):
        at = number % KEPT * _BYTES
        minute, kind, what, whose, value = struct.unpack_from(_ROW, self._ring, at)
        told = {"number": number, "time": wall_text(minute)}
        if kind >= len(KINDS):
            told["what"] = str(kind)
            told["text"] = "Event {} is not known to this version.".format(kind)
            return json.dumps(told)
        told["what"], sentence = KINDS[kind]
        name = said = None
        if kind == START:
            said = self.starts[value] if value < len(self.starts) else str(value)
        elif kind <= NOTE:
            said = self._change(told, kind, what, whose, value)
        elif kind <= SILENT_OVER:
            of, over = (kind - FAULT) >> 1, (kind - FAULT) & 1
            row = alerts.row(self.names, of, what, whose, value)
            name, said = row[told["what"]], row["text"]
            told.update({"name": name, "of": row["of"], "on": not over})
            if not over:
                told["way_out"] = row["way_out"]
        elif kind in (ERROR, ERROR_TEXT):
            name = self.task(what)
            said = ERRORS[whose] if whose != _OTHER else ""
            if kind == ERROR:
                value = OSError(value)
            else:
                said = (said + " " + self._said(at)).strip()
        elif "{words}" in sentence:
            said = self._said(at)
        told["text"] = sentence.format(words=said, name=name, value=value)
        return json.dumps(told)

    def _said(self, at):
        """The text of an event."""
        at += _TEXT_AT
        return bytes(self._ring[at : at + TEXT]).rstrip(b"\0").decode()

    def _change(self, told, kind, point, value, before):
        """A state's words; its names go into what is told."""
        what, names = told["what"], self.names
        told["state"], said = words.state_text(what, value)
        told["before"] = words.state_text(what, before)[0]
        if kind in (PILOT, CONTACTOR):
            told["of"] = names.point(point)
            if len(names.points()) > 1:
                said = told["of"] + ": " + said
        return said


def _again(code):
    kind, what, _ = alerts.parts(code)
    return kind == alerts.FAULT and im.FAULT_NAMES[what] in AGAIN


def _bounded(text):
    """In UTF-8, as long as there is room, with an ellipsis where it was longer."""
    data = text.encode()
    if len(data) > TEXT:
        end = TEXT - 3
        while data[end] & 0xC0 == 0x80:  # in the middle of a letter
            end -= 1
        data = data[:end] + b"\xe2\x80\xa6"
    return data + bytes(TEXT - len(data))
