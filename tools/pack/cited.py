# islet: who says what a profile says.
# GPL-3.0-or-later
"""A row's or a write's `from` has one to four citations: a key of the profile's `sources`, then
the place in it. How sure a fact is follows from who says it."""

from __future__ import annotations

import re

from tools.pack import Document, PackError

SURENESS = ("map only", "two sources", "recording", "device")
MAP_ONLY, TWO_SOURCES, RECORDING, DEVICE = range(4)
SEEN = {"recording": RECORDING, "device": DEVICE}  # sources of that name: seen, not read
MOST = 4


class Cited:
    """The sources of a document; `check` refuses what none of them says."""

    def __init__(self, document: Document) -> None:
        sources = document.get("sources")
        if not isinstance(sources, dict) or not sources:
            raise PackError("sources", "is not an object of name and where it is from")
        for name, where in sources.items():
            if not re.fullmatch(r"[A-Za-z]\w*", name):
                raise PackError(f"sources.{name}", "its name is not letters, digits and _")
            if not isinstance(where, str) or not where.strip():
                raise PackError(f"sources.{name}", f"{where!r} is not a text")
        self.sources = sources

    def check(self, row: Document, where: str) -> None:
        """Raises PackError where nobody says so."""
        said = row.get("from")
        if not isinstance(said, list) or not 1 <= len(said) <= MOST:
            raise PackError(where + "from", f"is not a list of 1 to {MOST} citations")
        for each in said:
            if not isinstance(each, str) or source_of(each) not in self.sources:
                allowed = ", ".join(self.sources)
                raise PackError(where + "from", f"{each!r} does not begin with one of {allowed}")


def source_of(citation: str) -> str:
    """The key of `sources` that a citation names."""
    return re.split(r"[^A-Za-z0-9_]", citation, maxsplit=1)[0]


def project(sources: dict[str, str], citation: str) -> str:
    """Whose word it is: several files of one project are one witness."""
    where = sources[source_of(citation)]
    found = re.match(r"([\w.-]+/[\w.-]+)@", where)
    return found[1].lower() if found else where.split(",")[0].lower()


def sureness_of(row: Document, sources: dict[str, str]) -> int:
    """How sure one fact is, as a row of SURENESS."""
    said = row["from"]
    seen = [SEEN[source_of(each)] for each in said if source_of(each) in SEEN]
    if seen:
        return max(seen)
    return TWO_SOURCES if len({project(sources, each) for each in said}) > 1 else MAP_ONLY


RELIED = ("power", "battery_power", "current", "soc", "state", "fault", "direction")


def relied_on(document: Document) -> list[Document]:
    """The facts that a command rests on: what shows that it is obeyed, and each write."""
    rows = [row for row in document["rows"] if row["quantity"] in RELIED]
    return rows + document.get("writes", [])


def sureness(document: Document) -> int:
    """Of a profile: that of its least sure fact a command rests on."""
    facts = relied_on(document) or document["rows"]
    return min(sureness_of(row, document["sources"]) for row in facts)
