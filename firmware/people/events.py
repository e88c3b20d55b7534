# islet: what happened, in words: changes of state, faults and trips, the last ones kept in a ring.
# GPL-3.0-or-later

import json

from firmware import image as im
from firmware.people import alerts, words
from firmware.people.state import wall_text

KEPT = 32
AGAIN = ("bond",)  # faults told again every hour that they stand (safety.md 6)
AGAIN_S = 3600

# what, field of commands; of each point, and of the site
OF_POINT = (
    ("pilot", im.POINT_PILOT_STATE),
    ("contactor", im.POINT_CONTACTOR_STATE),
)
OF_SITE = (
    ("grid", im.GRID_STATE),
    ("island", im.ISLAND_STATE),
    ("note", im.ISLAND_NOTE),
)


class Events:
    """A numbered ring of events as JSON texts; each reader remembers the number it has seen.

    names: Names of the site's rows."""

    def __init__(self, image, names):
        self.image = image
        self.names = names
        self.count = 0  # number of the newest
        self._texts = []
        self._watched = [(None, row) for row in OF_SITE]
        for point in names.points():
            self._watched += [(point, (what, field + point)) for what, field in OF_POINT]
        self._states = [image.commands[row[1]] for _, row in self._watched]
        self._standing = self._alerts()
        self._seen = None  # masks of faults and trips
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
        commands, names = self.image.commands, self.names
        for i, (point, row) in enumerate(self._watched):
            what, field = row
            value = commands[field]
            if value != self._states[i]:
                before, self._states[i] = self._states[i], value
                state, said = words.state_text(what, value)
                if not said:
                    continue
                more = {"state": state, "before": words.state_text(what, before)[0]}
                if point is not None:
                    more["of"] = names.point(point)
                    if len(names.points()) > 1:
                        said = names.point(point) + ": " + said
                self.add(what, said, **more)
        own = commands[im.POINT_FAULTS : im.POINT_FAULTS + im.POINTS]  # what is silent can wait
        seen = commands[im.FAULTS], own, self.image.trips[im.TRIPPED]
        if seconds or seen != self._seen:
            self._seen = seen
            self._compare(self._alerts(), seconds)

    def _alerts(self):
        """Rows of what stands, by what makes two of them the same."""
        image, names, commands = self.image, self.names, self.image.commands
        rows = alerts.silent(names, image.readings, commands[im.UP_S])
        tripped = image.trips[im.TRIPPED]
        if commands[im.FAULTS] or tripped:
            rows.extend(alerts.faults(names, commands))
            rows.extend(alerts.trips(names, tripped))
        return {alerts.same(row): row for row in rows}

    def _compare(self, rows, seconds):
        before, self._standing = self._standing, rows
        for key in rows:
            if key not in before:
                self._tell(rows[key])
        for key, row in before.items():
            if key not in rows:
                self._tell(row, False)
        again = [rows[key] for key in rows if key[0] in AGAIN]
        self._again_s = self._again_s + seconds if again else 0
        if self._again_s >= AGAIN_S:
            self._again_s = 0
            for row in again:
                self._tell(row)

    def _tell(self, row, on=True):
        kind = "fault" if "fault" in row else "trip" if "trip" in row else "silent"
        text = row["text"]
        more = {"name": row[kind], "of": row["of"], "on": on}
        if on:
            more["way_out"] = row["way_out"]
        else:
            text = row[kind] + " answers again." if kind == "silent" else "Cleared: " + text
        self.add(kind, text, **more)

    def after(self, number):
        """(missed, texts): the events newer than `number`, and how many of them are forgotten."""
        new = self.count - number
        kept = self._texts[-new:] if new > 0 else []
        return max(0, new - len(kept)), kept
