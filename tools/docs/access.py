# islet: examples/mosquitto.acl, printed from the firmware's own topics and rights.
# GPL-3.0-or-later
"""python -m tools.docs.access: write the access list for Mosquitto."""

from __future__ import annotations

from collections.abc import Iterator

from firmware.net import mqtt
from firmware.people.asked import OPERATOR, OWNER
from tools.workshop import ROOT

FILE = ROOT / "examples" / "mosquitto.acl"
PREFIX = "islet"
BOX, READER = "islet", "reader"  # users beside those that are named as their roles
HEAD = f"""\
# Who may say what on a Mosquitto broker to the box whose `mqtt.prefix` is `{PREFIX}`.
# Printed by `python -m tools.docs.access`; docs/configuration.md says how it is used.
#
# Users:
#   {BOX:9} the box itself: `mqtt.user`
#   {OWNER:9} who may say what the owner may, and Home Assistant
#   {OPERATOR:9} who speaks for the network operator, and for other issuers of limits
#   {READER:9} who sees and says nothing
# Nobody else may anything. More people are more users with the same lines.
"""


def ours() -> list[str]:
    """What the box says."""
    return [row[0].format("+") for row in mqtt.TOPICS if not row[0].endswith("set/+")]


def rights(role: str) -> list[str]:
    """What is said to it in a role."""
    asked = [row[0] for row in mqtt.TOPICS if row[0].endswith("set/+")]
    named = [name for name in asked if name.startswith(f"{OPERATOR}/")]
    return named if role == OPERATOR else [name for name in asked if name not in named]


def user(name: str, what: str, read: list[str], write: list[str]) -> Iterator[str]:
    yield ""
    yield f"# {what}"
    yield f"user {name}"
    for way, topics in (("read", read), ("write", write)):
        for topic in topics:
            yield f"topic {way} {topic}"


def page() -> str:
    told, all_ = "homeassistant/+/+/config", "homeassistant/status"
    said = [f"{PREFIX}/{name}" for name in ours()]
    owners, operators = ([f"{PREFIX}/{name}" for name in rights(r)] for r in (OWNER, OPERATOR))
    lines = [
        HEAD.rstrip(),
        *user(BOX, "the box", [*owners, *operators, all_], [*said, told]),
        *user(OWNER, "the owner", [*said, told], [*owners, all_]),
        *user(OPERATOR, "the operator", said, operators),
        *user(READER, "a reader", said, []),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page())
