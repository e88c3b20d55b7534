# islet: continuous sampling for the simulated chip, as ADC and DMA do it on the RP2040.
# GPL-3.0-or-later
#
# start(channels, rate_hz, frames, callback, on_part): callback(samples, frames) runs as an
# interrupt each time `frames` frames are complete; samples is a typed view of 16-bit codes,
# interleaved, valid until the callback returns. on_part(samples, index of its first code), if
# there is one, is called for each of the board's blocks in it: all of them before callback, or,
# while it returns True, each as soon as it is complete. stop().

from array import array

import board_wiring
import hostlink
import uctypes
from micropython import const

_BLOCKS = const(16)  # ring: more than the longest prediction plus what is not consumed


class Stream(hostlink.Alarm):
    def __init__(self):
        super().__init__(hostlink.RANK_SAMPLES)
        wiring = board_wiring.SAMPLING
        self.channels = len(board_wiring.CHANNELS)
        self.rate_hz = wiring["rate_hz"]
        self._part_frames = wiring["block_frames"]
        self._parts = wiring.get("blocks", 1)
        self.frames = self._part_frames * self._parts
        self.block_us = self.frames * 1_000_000 // self.rate_hz
        size = self.frames * self.channels
        self._ring = array("H", bytes(_BLOCKS * size * 2))
        self._bytes = memoryview(
            uctypes.bytearray_at(uctypes.addressof(self._ring), _BLOCKS * size * 2)
        )
        view = memoryview(self._ring)
        self._views = [view[i * size : (i + 1) * size] for i in range(_BLOCKS)]
        self._block = 0  # the next to be consumed
        self._stored = 0  # first frame we do not have
        self._valid = 0  # frames before this one are lost
        self._done = 0  # parts of this block that were handed over
        self._at_once = False  # the next is wanted as soon as it is there
        self.callback = None
        self.on_part = None

    def start(self, callback, on_part=None):
        self.callback = callback
        self.on_part = on_part
        self._done = 0
        self._at_once = False
        self._block = hostlink.now_ms() * 1000 // self.block_us
        passed_us = (hostlink.now_ms() * 1000 + hostlink.now_us % 1000) % self.block_us
        self.due = hostlink.now_us + self.block_us - passed_us
        self._part_us = self.block_us // self._parts
        self._stored = self.next_frame()
        hostlink.sampler = self
        hostlink.exchange()

    def stop(self):
        self.due = hostlink.NEVER
        self.callback = None
        hostlink.sampler = None

    def next_frame(self):
        return self._block * self.frames

    def store(self, first, data):
        """Frames from `first` on; they replace what was predicted before."""
        frame_bytes = self.channels * 2
        count = len(data) // frame_bytes
        if first < self.next_frame() or count > _BLOCKS * self.frames:
            raise RuntimeError("{} frames from {} do not fit".format(count, first))
        if first > self._stored:
            self._valid = first
        done = 0
        while done < count:
            at = (first + done) % (_BLOCKS * self.frames)
            part = min(count - done, _BLOCKS * self.frames - at)
            source = data[done * frame_bytes : (done + part) * frame_bytes]
            self._bytes[at * frame_bytes : (at + part) * frame_bytes] = source
            done += part
        self._stored = first + count

    def fire(self):
        due = self._done + 1 if self._at_once else self._parts
        try:
            if self.on_part is None or not self._sampled(due * self._part_frames):
                self._done = due
            while self._done < due:
                self._hand_part()
            if due == self._parts:
                self._hand_block()
        except Exception as error:  # as on the chip: the interrupt is switched off, loudly
            hostlink.fault(error, "sampling interrupt")
            self.stop()
        if self.callback is None:
            return
        left = 1 if self._at_once else self._parts - self._done
        self.due += left * self._part_us

    def _hand_part(self):
        done = self._done
        self._done = done + 1
        view = self._views[self._block % _BLOCKS]
        first = done * self._part_frames * self.channels
        self._at_once = bool(self.on_part(view, first))

    def _hand_block(self):
        view = self._views[self._block % _BLOCKS]
        there = self._sampled(self.frames)
        self._block += 1
        self._done = 0
        if there:
            self.callback(view, self.frames)

    def _sampled(self, frames):
        """The first so many of this block are there; not so when the converter stood still."""
        first = self.next_frame()
        return self._stored >= first + frames and self._valid <= first


_stream = Stream()


def start(channels, rate_hz, frames, callback, on_part=None):
    """Sample `channels` (numbers, in order) at `rate_hz` frames a second; ValueError if the
    board cannot."""
    if list(channels) != board_wiring.CHANNELS:
        raise ValueError("channels: this board streams {}".format(board_wiring.CHANNELS))
    own = _stream.rate_hz, _stream.frames
    if (rate_hz, frames) != own:
        raise ValueError("this board streams {} frames/s in blocks of {}".format(*own))
    if not callable(callback):
        raise TypeError("callback must be callable")
    if _stream.callback is not None:
        raise RuntimeError("sampling runs already")
    _stream.start(callback, on_part)


def stop():
    _stream.stop()
