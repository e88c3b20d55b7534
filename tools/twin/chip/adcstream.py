# islet: continuous sampling for the simulated chip, as ADC and DMA do it on the RP2040.
# GPL-3.0-or-later
#
# start(channels, rate_hz, frames, callback): callback(samples, frames) runs as an interrupt each
# time a block of `frames` frames is complete; samples is a typed view of 16-bit codes,
# interleaved, valid until the callback returns. stop().

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
        self.frames = wiring["block_frames"]
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
        self.callback = None

    def start(self, callback):
        self.callback = callback
        self._block = hostlink.now_ms() * 1000 // self.block_us
        passed_us = (hostlink.now_ms() * 1000 + hostlink.now_us % 1000) % self.block_us
        self.due = hostlink.now_us + self.block_us - passed_us
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
        view = self._views[self._block % _BLOCKS]
        self._block += 1
        self.due += self.block_us
        if self._stored < self.next_frame() or self._valid > self.next_frame() - self.frames:
            return  # the converter stood still: no interrupt
        try:
            self.callback(view, self.frames)
        except Exception as error:  # as on the chip: the interrupt is switched off, loudly
            hostlink.fault(error, "sampling interrupt")
            self.stop()


_stream = Stream()


def start(channels, rate_hz, frames, callback):
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
    _stream.start(callback)


def stop():
    _stream.stop()
