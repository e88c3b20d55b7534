# islet: profiles of the site's own, packed for the box.
# GPL-3.0-or-later
"""A site as the box takes it: what `profiles` says in rows and plans, by the rules of
firmware/profiles, as bytes in base64. What is left out is taken for what is least: nobody says how
sure it is, what it does when islet falls silent, or that its memory bears being written.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from tools.pack import PackError, known
from tools.pack.__main__ import unique
from tools.pack.plans import FIELDS as PLAN_FIELDS
from tools.pack.profiles import FIELDS, pack

Json = dict[str, Any]

LINE: Json = {"rtu": {"baud": 9600, "parity": "N"}}  # the site's own line says how it is reached
ASSUMED_MS = 1000  # time-out and age of a value, where nothing is said
OWNER = {"owner": "the site's configuration"}
ALLOWED = [field for field in FIELDS if field not in ("sources", "lacks")]
TIMED = ("write", "least_s", "most_s")  # of a lease


def packed(content: bytes) -> bytes:
    """The site's text, its own profiles packed; the text itself where there is nothing to pack or
    where it is no configuration. PackError names row, field and what is allowed."""
    try:
        site = json.loads(content)
        rows = site.get("profiles") if isinstance(site, dict) else None
    except (ValueError, RecursionError):
        return content  # the firmware's own loader says what is wrong with it
    if not isinstance(rows, list) or all(done(row) for row in rows):
        return content
    site = json.loads(content, object_pairs_hook=unique)
    site["profiles"] = [
        row if done(row) else _row(row, f"profiles[{i}].")
        for i, row in enumerate(site["profiles"])
    ]
    return json.dumps(site, indent=2, ensure_ascii=False).encode()


def done(row: object) -> bool:
    """Whether the box has nothing to learn from us about it."""
    return not isinstance(row, dict) or "packed" in row


def _row(row: Json, where: str) -> Json:
    try:
        data = pack(full(row))
    except PackError as error:
        raise PackError(where + error.field, str(error).removeprefix(error.field + ": ")) from None
    return {"name": row["name"], "packed": base64.b64encode(data).decode()}


def full(row: Json) -> Json:
    """The whole form of a shortened one, with nobody but the owner as its source."""
    known(row, "", [*ALLOWED, "sources", "lacks"])
    planned = "plans" in row
    if row.get("role") == "charger":
        raise PackError("role", "a charger has no driver, leave it out of a site")
    document: Json = {
        "role": "converter" if planned else "meter",
        "ports": LINE,
        "timeout_ms": ASSUMED_MS,
        "sample_ms": ASSUMED_MS,
        **{key: row[key] for key in ALLOWED if key in row},
        "sources": OWNER,
        "rows": _said(row.get("rows")),
    }
    if planned:
        document = {"controls": "ac", "period_ms": ASSUMED_MS, **document}
        document["writes"] = _said(row.get("writes"), {"wear": "unknown"})
        document["lease"] = _lease(row.get("lease", {}))
    elif odd := [field for field in PLAN_FIELDS if field in row]:
        raise PackError(odd[0], "is of a device that is told something, and needs plans")
    return document


def _said(rows: Any, least: Json | None = None) -> Any:
    """Each row, as the owner says it."""
    if not isinstance(rows, list):
        return rows  # the packer says what is wrong
    return [
        {**(least or {}), **row, "from": list(OWNER)} if isinstance(row, dict) else row
        for row in rows
    ]


def _lease(lease: Any) -> Any:
    """What it does when islet falls silent is known of no device that nobody has measured; that a
    register limits a command's time is the owner's word."""
    if not isinstance(lease, dict):
        return lease
    known(lease, "lease.", (*TIMED, "then", "measured", "from"))
    if lease.get("measured"):
        raise PackError("lease.measured", "true is for what was measured and cited, leave it out")
    timed = {key: lease[key] for key in TIMED if key in lease}
    return {**timed, "then": "unknown", "measured": False, "from": list(OWNER)}
