# islet: select for the simulated chip: the place where a program waits, so where time passes.
# GPL-3.0-or-later

import io

import hostlink
import uselect
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT

__all__ = ("POLLERR", "POLLHUP", "POLLIN", "POLLOUT", "poll")

_STREAM_POLL = 3  # the request of a stream's ioctl()


class poll:
    """Waits for streams: our own and user-written ones by ioctl(), files by the real poll."""

    def __init__(self):
        self._streams = {}  # id -> [object, events]
        self.files = uselect.poll()  # what wakes us in real time
        self._lines = set()  # files behind streams of ours
        self._found = []
        self._quiet = -1  # nothing is ready before there is another of hostlink.stirs

    def register(self, stream, eventmask=POLLIN | POLLOUT):
        self._quiet = -1
        file = getattr(stream, "file", None)
        if file is not None:  # a UART on a real line
            self._streams[id(stream)] = [stream, eventmask, file]
            self._lines.add(id(file))
            self.files.register(file, eventmask)
        elif isinstance(stream, io.IOBase):
            self._streams[id(stream)] = [stream, eventmask, None]
            if hasattr(stream, "watch"):
                stream.watch(1)
        else:
            if hostlink.is_virtual:
                raise OSError(95)  # EOPNOTSUPP: real files know no virtual time
            self.files.register(stream, eventmask)

    def modify(self, stream, eventmask):
        self._quiet = -1
        entry = self._streams.get(id(stream))
        if entry is None:
            self.files.modify(stream, eventmask)
            return
        entry[1] = eventmask
        if entry[2] is not None:
            self.files.modify(entry[2], eventmask)

    def unregister(self, stream):
        entry = self._streams.pop(id(stream), None)
        if entry is None:
            self.files.unregister(stream)
        elif entry[2] is not None:
            self.files.unregister(entry[2])
        elif hasattr(stream, "watch"):
            stream.watch(-1)

    def poll(self, timeout=-1):
        """List of (stream, events) that are ready within `timeout` ms; -1 waits for ever."""
        return list(self.ipoll(timeout))

    def ipoll(self, timeout=-1, flags=0):
        if timeout is None or timeout < 0:
            due = hostlink.NEVER
        else:
            due = hostlink.due_after(timeout * 1000 - hostlink.now_us % 1000)
        while not hostlink.run(due, self) and due == hostlink.NEVER:
            pass
        return self._found

    def ready(self):
        stirs = hostlink.stirs
        if self._quiet == stirs:
            return False
        found = self._found
        if found:
            found = self._found = []
        known = hostlink.is_virtual  # what each waits for comes with a stir
        for stream, events, _ in self._streams.values():
            if events & POLLOUT or not getattr(stream, "stirs", False):
                known = False
            events = stream.ioctl(_STREAM_POLL, events)
            if events:
                found.append((stream, events))
                known = False
        self._quiet = stirs if known else -1
        if not hostlink.is_virtual:
            for row in self.files.poll(0):
                if id(row[0]) not in self._lines:
                    found.append((row[0], row[1]))
        return len(found) > 0
