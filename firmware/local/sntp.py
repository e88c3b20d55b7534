# islet: the time of day from the network, by steps that are bounded and said.
# GPL-3.0-or-later
#
# SNTP, RFC 4330: one question in an hour, each with a number of its own that the answer must
# repeat. A clock that is not set is set. One that is off by 2 s and less is left alone: so much
# may be the network's. More is put right, and said in the log; more than a quarter of an hour only
# when three answers in a row, minutes apart, say the same, for a server may lie. Nobody waits.

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms
from firmware.base.viper import const

_PORT, _OURS = const(123), const(61_123)
BYTES = const(48)
_EPOCH = 3_786_825_600  # 2020 in seconds since 1900
_LATEST_S = 2_524_608_000  # 2100
_WHOLE = 1 << 32  # seconds of an era
_LEFT_S, _BELIEVED_S, _AGREE_S = const(2), const(900), const(5)
_ANSWERS = const(3)
_WAIT_MS = const(3_000)
_FIRST_S, _MOST_S, _HOUR_S = const(5), const(960), const(3_600)
_CONFIRM_S = const(120)
SET, MOVED, DOUBTED = const(0), const(1), const(2)  # what is told of a step


def build(out, cookie):
    """A question into `out`, 48 bytes, with 8 that the answer repeats."""
    for i in range(BYTES):
        out[i] = 0
    out[0] = 0x23  # version 4, client
    out[40:48] = cookie


def parse(data, cookie):
    """Seconds since 2020 in an answer; None when it is none to our question, or of a server that
    does not know the time."""
    if len(data) < BYTES or data[0] & 7 != 4 or data[0] >> 6 == 3 or not 0 < data[1] < 16:
        return None
    if bytes(data[24:32]) != cookie:
        return None
    seconds = (int.from_bytes(bytes(data[40:44]), "big") - _EPOCH) % _WHOLE
    return seconds if 0 < seconds < _LATEST_S else None


class Clock:
    """`network` asks (lan/ethernet.py, sockets/asks.py); `host` knows the time; `read()` is ours
    in seconds since 2020, -1 not set; `put(seconds)` sets it; `note(step, off_s)` says so: SET,
    MOVED, or DOUBTED, that it is asked again."""

    def __init__(self, network, host, read, put, note):
        self.network = network
        self.host = host
        self.read = read
        self.put = put
        self.note = note
        self._doubt = None  # how far off the last answers said we are
        self._same = 0
        self._address = None

    async def run(self):
        pause_s = _FIRST_S
        while True:
            found = await self._ask()
            if found is None:
                self._address = None
                await sleep_ms(pause_s * 1000)
                pause_s = min(2 * pause_s, _MOST_S)
                continue
            pause_s = _FIRST_S
            await sleep_ms((_HOUR_S if self.take(found) else _CONFIRM_S) * 1000)

    async def _ask(self):
        network = self.network
        question = bytearray(BYTES)
        cookie = network.random(8)
        build(question, cookie)
        try:
            if self._address is None:
                self._address = await network.resolve(self.host)
            address = self._address
            began = ticks_ms()
            found = await network.ask(
                _OURS,
                address,
                _PORT,
                memoryview(question),
                lambda data, sender: parse(data, cookie) if sender == address else None,
                _WAIT_MS,
            )
        except OSError:
            return None
        if found is not None:
            found += ticks_diff(ticks_ms(), began) // 2000  # half of the way there and back
        return found

    def take(self, seconds):
        """What the network says; False while it is not believed yet."""
        ours = self.read()
        off = seconds - ours
        if ours < 0:
            self._set(seconds, SET, 0)
        elif abs(off) > _BELIEVED_S and not self._confirmed(off):
            return False
        elif abs(off) > _LEFT_S:
            self._set(seconds, MOVED, off)
        self._doubt = None
        return True

    def _confirmed(self, off):
        if self._doubt is None or abs(off - self._doubt) > _AGREE_S:
            self._same = 0
            self.note(DOUBTED, off)
        self._doubt = off
        self._same += 1
        return self._same >= _ANSWERS

    def _set(self, seconds, step, off):
        self.put(seconds)
        self.note(step, off)
