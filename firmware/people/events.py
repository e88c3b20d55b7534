# islet: what happened, in words: changes of state, faults and trips, the last ones kept in a ring.
# GPL-3.0-or-later

import json

from firmware import image as im
from firmware.people import words
from firmware.people.state import wall_text

KEPT = 32
AGAIN = im.FAULT_BOND  # told again every hour that they stand (safety.md 6)
AGAIN_S = 3600

# what, field of commands, words
WATCHED = (
    ("pilot", im.POINT_PILOT_STATE, words.pilot_text),
    ("contactor", im.POINT_CONTACTOR_STATE, words.contactor_text),
    ("grid", im.GRID_STATE, words.grid_text),
    ("island", im.ISLAND_STATE, words.island_text),
    ("note", im.ISLAND_NOTE, words.note_text),
)


class Events:
    """A numbered ring of events as JSON texts; each reader remembers the number it has seen."""

    def __init__(self, image):
        self.image = image
        self.count = 0  # number of the newest
        self._texts = []
        self._states = [image.commands[field] for _, field, _ in WATCHED]
        self._faults = image.commands[im.FAULTS]
        self._trips = image.trips[im.TRIPPED]
        self._again_s = 0

    def add(self, what, text, **more):
        """Note an event; the oldest is forgotten when the ring is full."""
        self.count += 1
        more["number"] = self.count
        more["what"] = what
        more["text"] = text
        more["time"] = wall_text(self.image.readings[im.WALL_MIN])
        self._texts.append(json.dumps(more))
        if len(self._texts) > KEPT:
            self._texts.pop(0)

    def poll(self, seconds=0):
        """Compare with the image of the last call and note what changed, or what has stood for an
        hour; `seconds` have passed since the last call that told any."""
        commands = self.image.commands
        for i, row in enumerate(WATCHED):
            what, field, text = row
            value = commands[field]
            if value != self._states[i]:
                before, self._states[i] = self._states[i], value
                if text(value)[1]:
                    self.add(what, text(value)[1], state=text(value)[0], before=text(before)[0])
        faults, trips = commands[im.FAULTS], self.image.trips[im.TRIPPED]
        if faults != self._faults:
            self._alerts("fault", words.fault_texts(faults & ~self._faults), True)
            self._alerts("fault", words.fault_texts(self._faults & ~faults), False)
            self._faults = faults
        self._again_s = self._again_s + seconds if faults & AGAIN else 0
        if self._again_s >= AGAIN_S:
            self._again_s = 0
            self._alerts("fault", words.fault_texts(faults & AGAIN), True)
        if trips != self._trips:
            self._alerts("trip", words.trip_texts(trips & ~self._trips), True)
            self._alerts("trip", words.trip_texts(self._trips & ~trips), False)
            self._trips = trips

    def _alerts(self, kind, rows, on):
        for row in rows:
            if on:
                self.add(kind, row["text"], name=row[kind], on=True, way_out=row["way_out"])
            else:
                self.add(kind, "Cleared: " + row["text"], name=row[kind], on=False)

    def after(self, number):
        """(missed, texts): the events newer than `number`, and how many of them are forgotten."""
        new = self.count - number
        kept = self._texts[-new:] if new > 0 else []
        return max(0, new - len(kept)), kept
