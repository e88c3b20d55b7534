# islet: a house meter that is asked over HTTP for a small JSON, twice a second.
# GPL-3.0-or-later
#
# One request a connection, as HTTP/1.0 has it: no server of a meter's keeps many open. The answer
# is bounded in bytes and time, and its age counts from the request.

import asyncio

from firmware.base.clock import sleep_ms, ticks_diff, ticks_ms, wait_for_ms
from firmware.base.viper import const
from firmware.drivers.told import Told

_EVERY_MS = const(500)
_DEADLINE_MS = const(1_500)  # connecting and the whole answer
_RETRY_MS = (1_000, 2_000, 4_000, 8_000, 10_000)
_LARGEST = const(3_072)  # bytes of head and body


class Asked(Told):
    """As Told; link: net/link.py's, to the host of the meter; `await run()` for ever."""

    def __init__(self, image, node, name, given, link):
        Told.__init__(self, image, node, name, given)
        self.link = link
        self._request = "GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\r\n".format(
            given["values.path"], link.host
        ).encode()

    async def run(self):
        failures = 0
        while True:
            begun = ticks_ms()
            try:
                body = await wait_for_ms(self._get(), _DEADLINE_MS)
                self.link.doubted = False
                failures = 0
                self._answered(body, begun)
                self.right("answer")
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                self.link.doubted = True
                self.right("answer")
                self.wrong("answer", "{}", str(error) or "none in {} ms".format(_DEADLINE_MS))
                failures += 1
            finally:
                await self.link.close()
            wait_ms = _EVERY_MS - ticks_diff(ticks_ms(), begun)
            if failures:
                wait_ms = _RETRY_MS[min(failures, len(_RETRY_MS)) - 1]
            await sleep_ms(max(wait_ms, 10))

    def _answered(self, body, begun):
        self._heard_ms = now = ticks_ms()
        self._begun_ms = begun
        self._come = 0
        self._read(b"", body, now)

    async def _get(self):
        """The body of the answer; ValueError says what is wrong with it."""
        await self.link.open(self._request)
        answer, size = bytearray(), -1  # unless it says so, it ends with the connection
        while size < 0 or len(answer) < size:
            data = await self.link.reader.read(512)
            if not data:
                break
            answer.extend(data)
            end = answer.find(b"\r\n\r\n")
            if size < 0 <= end:
                size = _whole_size(bytes(answer[:end]), end + 4)
                size = _LARGEST + 1 if size < 0 else size
        if len(answer) > _LARGEST:
            raise ValueError("is longer than {} bytes".format(_LARGEST))
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            raise ValueError("is no HTTP")
        if len(answer) < size <= _LARGEST:
            raise ValueError("broke off")
        return bytes(answer[head + 4 :])


def _whole_size(head, before):
    """Bytes of head and body together, -1 where the head does not say."""
    first, *lines = head.split(b"\r\n")
    words = first.split(None, 2)
    if len(words) < 2 or words[0][:5] != b"HTTP/":
        raise ValueError("is no HTTP")
    if words[1] != b"200":
        raise ValueError("is {}".format(str(words[1], "utf-8")))
    for line in lines:
        name, _, value = line.lower().partition(b":")
        if name == b"content-length":
            size = before + int(value)
            if not before <= size <= _LARGEST:
                raise ValueError("is longer than {} bytes".format(_LARGEST))
            return size
        if name == b"transfer-encoding":
            raise ValueError("comes in chunks, which HTTP/1.0 has not")
    return -1
