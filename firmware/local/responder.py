# islet: who answers for name.local: probes, announces, answers, and takes another name if it must.
# GPL-3.0-or-later
#
# RFC 6762, 8 to 10. `link` is who carries the messages: group.py for the W5500; of any other it
# is asked that it has `ready`, `address`, `changed`, join(), leave(), send(message), receive() and
# reply(message, address, port).
#
# Nothing is allocated while nobody asks. Whoever asks much gets one answer a second, and of a
# flood of messages fifty a second are looked at. A name that is taken gets a number; the pauses
# before the next grow, so that nobody can make the box shout.

from asyncio import TimeoutError

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const
from firmware.local import mdns

_LOOK_MS = const(250)
_PROBES, _PROBE_MS, _DEFER_MS = const(3), const(250), const(1_000)
_ANNOUNCED, _ANNOUNCE_MS = const(2), const(1_000)
_AGAIN_MS, _DEFEND_MS = const(1_000), const(250)  # between two answers; where a name is at stake
_DELAY_MS, _SPREAD_MS = const(20), const(64)  # before an answer (6): others may be answering
_REST_MS = const(20)  # between messages that come
_PAUSE_MS, _LONGEST = const(1_000), const(30)  # before another name, and how often it grows
_HELD_MS = const(600_000)  # a name that was ours for so long: the next pause is short again
_FAREWELL_MS = const(300)
_LAST_NUMBER = const(99)


class Responder:
    """`name`: how the host wants to be called; `port`: of its page, 0 for none; `random`: gives so
    many random bytes; `told(name)` hears what name it has, "" while it has none."""

    def __init__(self, link, name, port, random, told):
        self.link = link
        self.port = port
        self.random = random
        self.told = told
        self._name = name
        self._number = 1
        self._conflicts = 0
        self._said = 0  # when everything was last sent
        self._message = b""

    @property
    def label(self):
        """What it calls itself at the moment, without .local."""
        return self._name if self._number == 1 else "{}-{}".format(self._name, self._number)

    async def run(self):
        link = self.link
        while True:
            while not link.ready:
                await sleep_ms(_LOOK_MS)
            changed = link.changed
            await link.join()
            try:
                ours = mdns.names(self.label.encode(), self.port)
                if await self._probed(changed, ours):
                    await self._answer(changed, ours)
            finally:
                await self._end(changed)

    async def _end(self, changed):
        """Nobody is told that the name is gone when another host has it, or nobody would hear."""
        self.told("")
        if self._message and self.link.ready and changed == self.link.changed:
            await self.link.send(self._built(False))
        self._message = b""
        await self.link.leave()

    def _built(self, lives=True):
        return mdns.build(self.label.encode(), self.link.address, self.port, lives)

    async def _taken(self):
        """Another host has the name: ours gets a number, after a pause."""
        self._message = b""
        self._number = self._number % _LAST_NUMBER + 1
        self._conflicts = min(self._conflicts + 1, _LONGEST)
        await sleep_ms(_PAUSE_MS * self._conflicts)

    async def _probed(self, changed, ours):
        """Whether the name is ours: asked three times, and nobody said that it is his."""
        link = self.link
        message = mdns.probe(self.label.encode(), link.address)
        await sleep_ms(self.random(1)[0])  # hosts that start together do not speak together
        asked = 0
        while asked < _PROBES and changed == link.changed:
            await link.send(message)
            asked += 1
            begin = ticks_ms()
            left_ms = _PROBE_MS
            while left_ms > 0:
                found = await self._heard(ours, left_ms)
                if found == mdns.CONFLICT:
                    await self._taken()
                    return False
                if found == mdns.LOST:
                    # who has the stronger claim answers the next round
                    await sleep_ms(_DEFER_MS)
                    asked = 0
                    break
                left_ms = _PROBE_MS - ticks_diff(ticks_ms(), begin)
        return changed == link.changed

    async def _heard(self, ours, wait_ms):
        try:
            got = await wait_for_ms(self.link.receive(), wait_ms)
        except TimeoutError:
            return mdns.NOTHING
        return mdns.NOTHING if got is None else self._judged(got, ours)

    def _judged(self, got, ours):
        data, _, port = got
        if port != mdns.PORT:
            return mdns.NOTHING  # of no host that speaks for itself: see _reply
        return mdns.judge(data, ours, self.link.address, self.port)

    async def _answer(self, changed, ours):
        """Until something has changed, or somebody else has the name."""
        link = self.link
        self._message = self._built()
        for number in range(_ANNOUNCED):
            if number:
                await sleep_ms(_ANNOUNCE_MS)
            await link.send(self._message)
            self._said = ticks_ms()
        self.told(self.label)
        since = ticks_ms()
        while changed == link.changed:
            got = await link.receive()
            if got is None:
                return
            found = self._judged(got, ours)
            if found == mdns.CONFLICT:
                if ticks_diff(ticks_ms(), since) > _HELD_MS:
                    self._conflicts = 0
                await self._taken()
                return
            if found:
                await self._say(found)
            elif got[2] != mdns.PORT:
                await self._reply(got, ours)
            await sleep_ms(_REST_MS)

    async def _reply(self, got, ours):
        """Phones ask so, from any port, and want to be told themselves."""
        data, address, port = got
        message = mdns.reply(data, ours, self.link.address)
        if message is not None:
            await self.link.reply(message, address, port)
            await sleep_ms(_DEFEND_MS)

    async def farewell(self):
        """Before the board is stopped."""
        if self._message:
            try:
                await wait_for_ms(self.link.send(self._built(False)), _FAREWELL_MS)
            except TimeoutError:
                pass

    async def _say(self, found):
        least_ms = _AGAIN_MS if found == mdns.ASKED else _DEFEND_MS
        await sleep_ms(_DELAY_MS + (self.random(1)[0] & _SPREAD_MS - 1))
        if ticks_diff(ticks_ms(), self._said) >= least_ms:
            await self.link.send(self._message)
            self._said = ticks_ms()
