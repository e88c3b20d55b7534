# islet: the chip's side of the link to the simulated house, and the passing of time.
# GPL-3.0-or-later
#
# The twin predicts the signals of a stretch of time; the chip lives through it and reports at its
# end, or earlier when an output changes: then the rest of the prediction is void.
# Code takes no virtual time. Time passes in one place, run(), which select.poll, the sleeps and
# the blocking reads call; whatever falls due on the way fires in the order of its rank.

import os
import struct
import sys

import link_words as words
import uselect
import utime
import vclock
from chip_alarm import ALARMS as _alarms
from chip_alarm import (  # noqa: F401  for whoever has one
    NEVER,
    RANK_SAMPLES,
    RANK_TIMER,
    RANK_UART,
    RANK_WATCHDOG,
    Alarm,
    Signals,
)
from chip_calendar import Calendar
from micropython import const
from vclock import first as _first
from vclock import soonest as _soonest

_REBASE_US = const(500_000_000)  # times count from a moving origin, so that they stay small

_SECTIONS = ("site", "readings", "requests", "commands", "trips")
_LATE_US = const(20_000)  # the wall clock may be ahead by so much; a busy PC's is by seconds
_MAX_IDLE = const(100_000)  # polls without time passing before we call it a busy loop

is_virtual = os.getenv("ISLET_SPEED") != "1"
_base_ms = 0  # the moving origin
now_us = 0  # since the origin
_until_us = 0
_signals = Signals()
calendar = Calendar()
copies = {}  # (uart, request): frames the twin lets us answer with, (due, delay, char, frame)
_closing = []  # connections the twin has closed, data possibly still on its way
_running = False  # inside run(): an interrupt may not wait
stirs = 0  # how often something came that a poll may wait for
_idle = 0
_ended = None  # exit code, once there is one

# hooks of the other modules: what they do with a message from the twin
uarts = {}  # id -> object with expect(due, char_us, bytes) and discard()
edge_handlers = {}  # pin -> function(level)
on_net = None  # (tag, conn, value)
sampler = None  # adcstream's buffer: store(first, bytes) and next_frame()

inputs = 0  # levels of the pins others drive
driven = 0  # pins we drive, and their levels
level = 0
_sent_driven = 0
_sent_level = 0
_why = words.WHY_BLOCK  # why the next message goes out; any other than this: at this very moment

_out = None
_in = None
_tx = words.Outbox()
_rx = bytearray(65536)
_rx_view = memoryview(_rx)
_length = bytearray(4)
_site_sent = False


# --- what the other modules call --------------------------------------------------------------


def now_ms():
    return _base_ms + now_us // 1000


def due_after(us):
    """The due time `us` from now; what lies beyond the horizon is shortened to it."""
    return now_us + (us if us < 400_000_000 else 400_000_000)


def drive(pin, driving, high):
    """Set an output; only a change costs an exchange."""
    global driven, level, _why
    bit = 1 << pin
    driven = driven | bit if driving else driven & ~bit
    level = level | bit if high else level & ~bit
    if driven != _sent_driven or level != _sent_level:
        _why = words.WHY_OUTPUT


def send(tag, payload, why=0):
    """Queue one element for the next message; a `why` makes that message go out at this moment."""
    global _why
    if not _tx.room(len(payload)):
        exchange()
    _tx.add(tag, payload)
    if why and _why == words.WHY_BLOCK:
        _why = why


def log(text):
    """One line for the twin's event log."""
    send(words.TO_LOG, text.encode())


def record(image, dt_ms=100):
    """Hand over the process image of the step just taken (image.Image)."""
    global _site_sent
    for section in range(1 if _site_sent else 0, len(_SECTIONS)):
        values = getattr(image, _SECTIONS[section])
        if not _tx.room(len(values) * 4 + 1):
            exchange()
        _tx.add_array(words.TO_IMAGE, section, values)
    _site_sent = True
    send(words.TO_STEP, struct.pack("<H", dt_ms))


def copy_of(uart, request):
    """(delay us, us per character, frame) with which a device answers now; None: ask the twin."""
    rows = copies.get((uart, request))
    if rows is None or _why != words.WHY_BLOCK:
        return None
    while len(rows) > 1 and rows[1][0] <= now_us:
        rows.pop(0)
    if not rows[0][3] or rows[0][0] > now_us or not _tx.room(16):
        return None
    _tx.moment(now_ms(), now_us % 1000)
    return rows[0][1:]


def end(code):
    """End the process as a reset would: nothing after this runs."""
    global _ended
    _ended = code
    sys.exit(code)


# --- the passing of time ----------------------------------------------------------------------


def run(due, waiter=None):
    """Let time pass until `due`, or until `waiter.ready()`; True when it is ready."""
    global _running, _idle
    if _running:
        raise RuntimeError("an interrupt handler cannot wait")
    _running = True
    start_us = now_us
    late_us = 0 if is_virtual else _passed_us(_LATE_US)  # what the wall clock is ahead by
    try:
        while True:
            if _ended is not None:
                sys.exit(_ended)
            alarm = _first(_alarms, now_us)
            while alarm is not None:
                alarm.fire()
                alarm = _first(_alarms, now_us)
            caught_up = now_us - start_us >= late_us
            if caught_up:
                if waiter is not None and waiter.ready():
                    return True
                if now_us >= due:
                    return False
            if _why != words.WHY_BLOCK or now_us >= _until_us:
                exchange()
                continue
            if now_us >= _REBASE_US:
                moved = _rebase()
                due = due if due == NEVER else due - moved
                start_us -= moved
            # first the time that has passed, alarm by alarm, whoever is ready: interrupts come
            target = min(due if caught_up else start_us + late_us, _until_us)
            target = _soonest(_alarms, target)
            if target > now_us:
                _advance(target, waiter)
    finally:
        _running = False
        _idle = _idle + 1 if now_us == start_us else 0
        if _idle > _MAX_IDLE and is_virtual:
            _idle = 0
            raise RuntimeError("busy loop: a task polls without ever waiting")


def _rebase():
    """Move the origin to keep times small; returns by how much."""
    global now_us, _until_us, _base_ms
    _base_ms += _REBASE_US // 1000
    now_us -= _REBASE_US
    _until_us -= _REBASE_US
    for alarm in _alarms:
        if alarm.due != NEVER:
            alarm.due -= _REBASE_US
    _signals.rebase(_REBASE_US)
    for uart in uarts.values():
        uart.rebase(_REBASE_US)
    for rows in copies.values():
        rows[:] = [(row[0] - _REBASE_US,) + row[1:] for row in rows]
    return _REBASE_US


def _advance_virtual(target, waiter):
    global now_us
    vclock.advance_us(target - now_us)
    now_us = target


def _passed_us(most_us):
    """By how much the wall clock is ahead of the house. What is beyond `most_us` this PC was late
    and the firmware could see nothing of it: the house held still."""
    global _wall_us
    ahead_us = utime.time_ns() // 1000 - _wall_us - _base_ms * 1000 - now_us
    if ahead_us > most_us or ahead_us < 0:  # or somebody set the clock back
        kept_us = most_us if ahead_us > 0 else 0
        _wall_us += ahead_us - kept_us
        return kept_us
    return ahead_us


def _advance_real(target, waiter):
    """Wait for the wall clock or a file. The interpreter's clock is the house's here, too."""
    global now_us
    start_us = now_us
    ahead_us = _passed_us(_LATE_US)
    ready = False
    while not ready and now_us + ahead_us < target:
        left_us = target - now_us - ahead_us
        poller = _sleeper if waiter is None else waiter.files
        vclock.virtual(False)  # poll() counts its time by the clock
        ready = poller.poll((left_us + 999) // 1000)
        vclock.virtual(True)
        vclock.advance_us(_base_ms * 1000 + start_us)
        ahead_us = _passed_us(ahead_us + left_us + _LATE_US)
    now_us = min(target, now_us + ahead_us)
    vclock.advance_us(now_us - start_us)


# --- the exchange -----------------------------------------------------------------------------


def exchange(why=None):
    """Send what is queued, take the next stretch of predicted signals."""
    global _why
    _send_message(_why if why is None else why)
    _why = words.WHY_BLOCK
    _receive_message()


def _send_message(why):
    global _sent_driven, _sent_level
    if driven != _sent_driven or level != _sent_level:
        _sent_driven, _sent_level = driven, level
        send(words.TO_PINS, struct.pack("<II", driven, level))
    # without a sampler, frames are consumed as they come
    next_frame = now_ms() // 10 * 48 if sampler is None else sampler.next_frame()
    _out.write(_tx.close(now_ms(), now_us % 1000, why, next_frame))


def _receive_message():
    global _until_us
    if _in.readinto(_length) != 4:
        end(words.EXIT_LINK)
    size = struct.unpack("<I", _length)[0]
    if size < 6 or size > len(_rx):
        raise RuntimeError("link message of {} bytes".format(size))
    if _in.readinto(_rx_view[:size]) != size:
        end(words.EXIT_LINK)
    while _signals.due <= now_us:  # the twin counts what is due by now as had
        _signals.fire()
    _signals.discard()
    for uart in uarts.values():
        uart.discard()
    for rows in copies.values():
        while len(rows) > 1 and rows[1][0] <= now_us:
            rows.pop(0)
        del rows[1:]
    _until_us = _time_at(0)
    at = 6
    while at < size:
        tag, length = struct.unpack_from("<BH", _rx, at)
        at += 3
        if at + length > size:
            raise RuntimeError("link element {} is cut off".format(tag))
        _take(tag, at, length)
        at += length
    if _until_us <= now_us:
        raise RuntimeError("the twin's prediction ends before it begins")
    _close()


def _time_at(at):
    ms, us = struct.unpack_from("<IH", _rx, at)
    return (ms - _base_ms) * 1000 + us


def _take(tag, at, length):
    """One element of the twin's message; what it announces for later waits in _signals."""
    if tag == words.FROM_SAMPLES:
        if sampler is not None:
            first = struct.unpack_from("<I", _rx, at)[0]
            sampler.store(first, _rx_view[at + 4 : at + length])
    elif tag == words.FROM_EDGE:
        due = _time_at(at)
        if due <= now_us:  # how it is, not what may come: no later message takes it back
            _edge(_rx[at + 6], _rx[at + 7])
        else:
            _signals.add(due, _edge, _rx[at + 6], _rx[at + 7])
    elif tag == words.FROM_UART:
        uart = uarts.get(_rx[at])
        if uart is not None:
            char_us = struct.unpack_from("<H", _rx, at + 7)[0]
            uart.expect(_time_at(at + 1), char_us, bytes(_rx_view[at + 9 : at + length]))
    elif tag == words.FROM_COPY:
        delay_us, char_us, count = struct.unpack_from("<HHB", _rx, at + 7)
        frame = at + 12 + count
        key = _rx[at], bytes(_rx_view[at + 12 : frame])
        row = _time_at(at + 1), delay_us, char_us, bytes(_rx_view[frame : at + length])
        rows = copies.setdefault(key, [])
        if rows and row[0] <= now_us:
            rows.clear()
        rows.append(row)
    elif tag == words.FROM_NET_RX:
        data = bytes(_rx_view[at + 7 : at + length])
        _signals.add(_time_at(at + 1), _net_rx, _rx[at], data)
    elif tag == words.FROM_NET_CLOSED:
        _closing.append(_rx[at])
    elif tag == words.FROM_NET_REFUSED:
        on_net(tag, _rx[at], None)
    elif tag == words.FROM_NET_ACCEPT:
        on_net(tag, _rx[at], struct.unpack_from("<H", _rx, at + 1)[0])
    elif tag == words.FROM_RTC:
        calendar.set(struct.unpack_from("<I", _rx, at)[0], now_ms())
    elif tag == words.FROM_QUIT:
        end(0)
    else:
        raise RuntimeError("link element {} is unknown".format(tag))


def _edge(pin, high):
    global inputs
    bit = 1 << pin
    if bool(inputs & bit) != bool(high):
        inputs ^= bit
        if pin in edge_handlers:
            edge_handlers[pin](high)


def _net_rx(conn, data):
    on_net(words.FROM_NET_RX, conn, data)
    _close()


def _close():
    """The end of a connection is told once, and comes after all its data."""
    for conn in _closing[:]:
        if not _signals.waiting(_net_rx, conn):
            _closing.remove(conn)
            on_net(words.FROM_NET_CLOSED, conn, None)


def _bye():
    if _out is not None and _ended is None:
        try:
            _send_message(words.WHY_BYE)
        except OSError:
            pass  # the twin went first


def fault(error, where):
    """An exception nobody above can catch: an interrupt's. Told to both sides."""
    sys.print_exception(error, sys.stderr)  # type: ignore[call-overload]
    log("{}: {}: {}".format(where, type(error).__name__, error))


def connect():
    """Open the link and get the first stretch; once, when the first module needs it."""
    global _in, _out
    if _out is not None:
        return
    path_in, path_out = os.getenv("ISLET_LINK_IN"), os.getenv("ISLET_LINK_OUT")
    if not path_in or not path_out:
        raise RuntimeError("no simulated house: ISLET_LINK_IN and ISLET_LINK_OUT are not set")
    _in, _out = open(path_in, "rb"), open(path_out, "wb")
    sys.atexit(_bye)  # type: ignore[attr-defined]  # the unix port's own
    exchange(words.WHY_START)


vclock.virtual(True)
_advance = _advance_virtual if is_virtual else _advance_real
_sleeper = uselect.poll()
_wall_us = utime.time_ns() // 1000  # when the house was at 0, and all it has stood still since
connect()
