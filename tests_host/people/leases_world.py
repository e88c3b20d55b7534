"""Issuers that limit a house in any order, with resets in between, and a judge with its own
account of what each said: it shares no rule with people/leases.py, core/limits or ledger/keep.py.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from firmware import image as im
from firmware.core import KEPT_FAULTS, KEPT_TRIPS
from firmware.core.limits.arbiter import Limits
from firmware.ledger.keep import Keep
from firmware.people import leases
from firmware.people.asked import OPERATOR, OWNER
from firmware.people.commands import Commands
from firmware.people.names import Names
from firmware.people.state import State
from tests_host.core.builders import healthy
from tests_host.ledger.flash import Flash, blank
from tests_host.ledger.keep_kit import SMALL_RING, Policy
from tests_host.net.conftest import PolicyDouble

OPEN = 2_000_000
NODES = ("service", "wallbox", "battery")
TARGETS = ("evse", "inverter", "all", *NODES)
CONTACT = "contact"  # its leases are made anew after a reset, not kept
SPEAKERS = ("operator", "site", "ocpp", "openadr", "manager", "owner")
FOREVER = 10**9
EXACT = 3  # ranges of one issuer that are kept as they were said
# what a record of the time left may lag behind, so that after a reset it lasts longer
LAG_S, LAG_PART = 300, 16


@dataclass
class Lease:
    low: int
    high: int
    least_s: int  # it stands until then at least
    most_s: int  # and at most


class World:
    """`model`: what each issuer said and did not release, by (issuer, device or node)."""

    def __init__(self) -> None:
        self.now_s = 0
        # as many records for each that may be leased, however many rows there are
        self.flash = Flash(blank(SMALL_RING * im.LEASED // 3))
        self.model: dict[tuple[str, str], list[Lease]] = {}
        self.backs: dict[tuple[str, str], tuple[int, int]] = {}
        self.coarse: set[tuple[str, str]] = set()  # said more than is kept apart
        self._start()

    def _start(self) -> None:
        self.image = healthy()
        sectors = self.flash.size // self.flash.sector
        self.keep = Keep(self.flash, self.image, KEPT_FAULTS, KEPT_TRIPS, 0, sectors)
        self.keep.restore(Policy())  # type: ignore[arg-type]
        self.limits = Limits(self.image)
        self.commands = Commands(self.image, PolicyDouble(), self.names(), self.keep.note)

    def names(self) -> Names:
        return Names(self.image.site, NODES, ("evse", "inverter"), ("evse",))

    # --- what may happen ----------------------------------------------------------------------

    def say(self, issuer: str, target: str, **said: Any) -> bool:
        """A message of an issuer; whether it was carried out."""
        said["device" if target not in NODES else "node"] = target
        command, role = ("limit", OWNER) if issuer == "owner" else ("operator", OPERATOR)
        if command == "operator":
            said["issuer"] = issuer
        answer = self.commands.handle(command, json.dumps(said).encode(), role)
        moved = target in NODES and any(
            self._holds((issuer, node)) for node in NODES if node != target
        )
        others = any(self._holds(key) for key in self._keys(None, target))
        mine = any(self._holds(key) for key in self._keys(issuer, target))
        bare = "ttl_s" not in said and "until_released" not in said
        unit = target == "all" and any(said.get(end) for end in ("low", "high", "back_high"))
        refused = moved or unit or (bare and others and not mine)
        near = {k for what in (target, *NODES) for k in self._keys(issuer, what)}
        if not any(k in self.coarse or self._unsure(k) for k in near):
            assert answer["ok"] != refused, (answer, said)
        if answer["ok"]:
            for key in self._keys(issuer, target):
                self._account(key, said, bare)
        self.check()
        return answer["ok"]

    def chatter(self, issuer: str, die: random.Random) -> None:
        """Ever weaker for ever longer: more than is kept apart."""
        low, high, ttl_s = 0, 0, 5
        for _ in range(6):
            self.say(issuer, "inverter", low=low, high=high, ttl_s=ttl_s)
            low -= die.choice((0, 100))
            high += die.choice((0, 500))
            ttl_s += die.choice((3, 20, 100))
        self.seconds(die.choice((4, 30)))

    def contact(self, on: bool) -> None:
        """A dry contact: closed it limits, open it releases."""
        number = im.ISSUER_NAMES.index(CONTACT)
        key = (CONTACT, "inverter")
        if on:
            leases.give(self.image, number, 1, 0, 1_000, None)
            self.model[key] = [Lease(0, 1_000, FOREVER, FOREVER)]
        else:
            leases.release(self.image, number, 1)
            self.model.pop(key, None)
        self.check()

    def seconds(self, count: int) -> None:
        for _ in range(count):
            self.now_s += 1
            self.limits.step(1000)
            self.keep.step(1000)
        self.check()

    def reset(self) -> None:
        """Power fails and comes back; the time between does not count."""
        self.flash = Flash(bytes(self.flash.data))
        self.model.pop((CONTACT, "inverter"), None)
        for rows in self.model.values():
            for row in rows:
                if row.most_s < FOREVER:
                    left_s = row.most_s - self.now_s
                    row.most_s += max(LAG_S, left_s // (LAG_PART - 1)) + 2
        self._start()
        self.check()

    # --- the account --------------------------------------------------------------------------

    @staticmethod
    def _keys(issuer: str | None, target: str) -> list[tuple[str, str]]:
        targets = ("evse", "inverter") if target == "all" else (target,)
        issuers = (issuer,) if issuer else (*SPEAKERS, CONTACT)
        return [(who, what) for what in targets for who in issuers]

    def _account(self, key: tuple[str, str], said: dict[str, Any], bare: bool) -> None:
        if said.get("release"):
            self.model.pop(key, None)
            self.backs.pop(key, None)
            self.coarse.discard(key)
        if bare:
            return
        ttl_s = said.get("ttl_s")
        end_s = FOREVER if ttl_s is None else self.now_s + ttl_s
        row = Lease(said.get("low", -OPEN), said.get("high", OPEN), end_s, end_s + 2)
        rows = [r for r in self.model.get(key, []) if r.most_s > self.now_s]
        self.model[key] = [*rows, row]
        if len({r.least_s for r in self.model[key]}) > EXACT:
            self.coarse.add(key)
        if "back_high" in said:
            low, high = self.backs.get(key, (-OPEN, OPEN))
            self.backs[key] = (low, min(high, said["back_high"]))

    def _holds(self, key: tuple[str, str]) -> bool:
        return key in self.backs or any(r.least_s > self.now_s for r in self.model.get(key, []))

    def _unsure(self, key: tuple[str, str]) -> bool:
        return any(r.least_s <= self.now_s < r.most_s for r in self.model.get(key, []))

    def _range(self, key: tuple[str, str], loosest: bool) -> tuple[int, int]:
        """What the issuer's leases come to at most or at least by now."""
        rows = self.model.get(key, [])
        sure = [r for r in rows if r.least_s > self.now_s]
        maybe = [r for r in rows if r.most_s > self.now_s]
        stand = sure if loosest else maybe
        timed = [r for r in (maybe if loosest else sure) if r.most_s < FOREVER]
        ends = [(r.low, r.high) for r in stand]
        if not timed and key in self.backs:
            ends.append(self.backs[key])
        return max([-OPEN, *(e[0] for e in ends)]), min([OPEN, *(e[1] for e in ends)])

    # --- the judge ----------------------------------------------------------------------------

    def check(self) -> None:
        self.limits.step(0)
        for target in ("evse", "inverter", *NODES):
            low, high = self._claimed(target)
            keys = self._keys(None, target)
            most = [self._range(key, loosest=True) for key in keys]
            assert low >= max(r[0] for r in most), f"{target}: {low} looser than {most}"
            assert high <= min(r[1] for r in most), f"{target}: {high} looser than {most}"
            if not any(key in self.coarse for key in keys):
                least = [self._range(key, loosest=False) for key in keys]
                assert low <= max(r[0] for r in least), f"{target}: {low} stricter than {least}"
                assert high >= min(r[1] for r in least), f"{target}: {high} stricter than {least}"
            self._named(target, keys)

    def _claimed(self, target: str) -> tuple[int, int]:
        commands, requests = self.image.commands, self.image.requests
        if target not in NODES:
            at = im.OPERATOR * im.DEVICES + ("evse", "inverter").index(target)
            return commands[im.CLAIM_LOW + at], commands[im.CLAIM_HIGH + at]
        node = NODES.index(target)
        ends = [
            (commands[im.HELD_LOW + at], commands[im.HELD_HIGH + at])
            for i in range(im.ISSUERS)
            if requests[im.LEASE_NODE + i] == node
            for at in (i * im.LEASED,)
        ]
        return max([-OPEN, *(e[0] for e in ends)]), min([OPEN, *(e[1] for e in ends)])

    def _named(self, target: str, keys: list[tuple[str, str]]) -> None:
        """Who holds it is published."""
        state = State(self.image, "home", self.names()).take()
        if target in NODES:
            shown = "".join(state.pieces_of("nodes", NODES.index(target)))
        else:
            shown = "".join(state.pieces_of("limits", ("evse", "inverter").index(target)))
        rows = json.loads(shown)["leases"]
        names = {row["issuer"] for row in rows}
        sure = {key[0] for key in keys if self._holds(key)}
        maybe = {key[0] for key in keys if self._unsure(key)}
        assert sure <= names <= sure | maybe | {k[0] for k in self.coarse}, (target, names, sure)

    # --- a walk without hypothesis ------------------------------------------------------------

    def wander(self, seed: int, steps: int) -> None:
        die = random.Random(seed)
        for _ in range(steps):
            what = die.randrange(11)
            if what == 10:
                self.chatter(die.choice(SPEAKERS), die)
            elif what < 6:
                self.say(die.choice(SPEAKERS), die.choice(TARGETS), **message(die))
            elif what == 6:
                self.contact(die.random() < 0.5)
            elif what == 7:
                self.reset()
            else:
                self.seconds(die.choice((1, 2, 9, 31, 301)))


def message(die: random.Random) -> dict[str, Any]:
    """Without its issuer and target."""
    said: dict[str, Any] = {}
    release = die.random() < 0.25
    if release:
        said["release"] = True
    if not release or die.random() < 0.3:
        said["high"] = die.choice((0, 0, 6_000, 8_000))
        if die.random() < 0.3:
            said["low"] = die.choice((0, -1_000))
        ttl_s = die.choice((None, 1, 10, 30, 300, 900, 5_000))
        said |= {"until_released": True} if ttl_s is None else {"ttl_s": ttl_s}
        if die.random() < 0.15:
            said["back_high"] = die.choice((0, 6_000))
    return said
