# islet: a circuit board's description, unpacked from the frozen bytes.
# GPL-3.0-or-later
#
# Source: firmware/circuits/<name>.json; layout: tools/pack/circuits/layout.py. Unpacked at start.

import struct
from array import array

from firmware import image as im
from firmware.base.viper import const

_VERSION = const(10)
_HEAD = "<BBBIHBBHBHbbbbbIbbbBBBHHBHBbbBbbbIbbBbBbBBBBB"
_LINE = "<bbbb"
_CHANNEL = "<BbBBBii"
_OUTPUT = "<BBB"
_INPUT = "<IBBB"
_METER = "<BBBBII"

MODULES_OWN = const(-2)  # in place of a pin: the module's own lamp or button
GUARD_SOFT, GUARD_HARD, GUARD_HARDWARE = const(0), const(1), const(2)
DEAD_MAN_PIO, DEAD_MAN_MONOSTABLE = const(0), const(1)

# Erratum RP2040-E11; the mean of five boards in github.com/kitanokitsune/rp2040adc_correction.
_WIDE_CODES = ("rp2040", "rp2040_w", "rp2040_w5500")
_E11_STEPS = (10, 9, 9, 10)
_E11_SPAN = const(4104)  # 4096 and the steps, less the 30 that the two ends lack

CHIPS = ("host", "rp2040", "rp2040_w", "esp32", "rp2040_w5500")
# kinds of analogue signals, in the order the packed bytes count them
SIGNALS = ("pilot", "proximity", "evse_ct", "main_ct", "grid_v", "house_v")
VOLTS = ("grid", "house")  # what a metering chip's voltage inputs see
AMPS = ("mains", "evse")  # and its current inputs


class Analog:
    """The channels in order of sampling, as sense needs them: arrays indexed by channel.

    `low`, `high` are a channel's scale: for the pilot mV at code 0 and 4095, for proximity `high`
    is the pull-up in ohm, for currents and voltages `high` is the peak in mA or mV at 2047 codes
    from the middle. Channel c is sampled c * skew_us after its frame began.

    A frame takes `frame_ns` (`frame_us` rounded, `rate_hz` of them a second, rounded down). The
    converter hands over blocks of `block_frames` frames; `blocks` of them, `frames` frames, are
    the 10 ms that sense and guard get. A chip without DMA takes `frames` frames in a burst.

    Calibration, nought until somebody calibrates: `gain_ppm` is added to 1, `zero_code16`
    (code/16) to the code of pilot and proximity, `delay_us` is how late the sensor shows what
    it measures.
    """

    def __init__(self, rate_hz, frames, skew_us, channels, frame_ns=0, blocks=1):
        self.rate_hz = rate_hz
        self.frame_ns = frame_ns or 1_000_000_000 // rate_hz
        self.frame_us = (self.frame_ns + 500) // 1000
        self.frames = frames
        self.blocks = blocks
        self.block_frames = frames // blocks
        self.skew_us = skew_us
        self.count = channels
        self.signal = array("i", [0] * channels)  # index into SIGNALS
        self.leg = array("i", [0] * channels)  # 0 first
        self.point = array("i", [0] * channels)  # whose pilot, proximity or current
        self.low = array("i", [0] * channels)
        self.high = array("i", [0] * channels)
        self.gain_ppm = array("i", [0] * channels)
        self.zero_code16 = array("i", [0] * channels)
        self.delay_us = array("i", [0] * channels)
        # how much too wide the converter's codes 512, 1536, 2560 and 3584 are
        self.steps = array("i", [0, 0, 0, 0])
        self.span = 4096  # codes from end to end, once the steps are made up for

    def find(self, name, leg=0, point=0):
        """Channel of a signal (SIGNALS), -1 when the board has none."""
        signal = SIGNALS.index(name)
        for c in range(self.count):
            if self.signal[c] == signal and self.leg[c] == leg and self.point[c] == point:
                return c
        return -1


class Meter:
    """A metering chip on the SPI: its phases A, B, C are legs 1, 2, 3.

    `volts` is an index into VOLTS, `amps` into AMPS; `volts_nv` and `amps_nv` are what stands at
    the chip's input, in nV per V and per A; `pga` is the current inputs' gain, 1, 2 or 4."""

    def __init__(self, row):
        self.cs, self.volts, self.amps, self.pga, self.volts_nv, self.amps_nv = row


class Circuit:
    """What the packed description says; a pin or number that is not there is -1.

    lines:   rows (UART, tx, rx, de), RS-485 in the order of a site's
    outputs: rows (bit OUT_*, pin, 1 = holds its state through a reset)
    inputs:  rows (bits IN_*, pin, pull 0 none 1 up 2 down, 1 = trips by a pin interrupt)"""

    def __init__(self, packed):
        if packed[0] != _VERSION:
            raise ValueError("board data has version {}, expected {}".format(packed[0], _VERSION))
        head = struct.unpack_from(_HEAD, packed)
        self.chip = CHIPS[head[1]]
        self.guard = head[2]
        frame_ns, self.rate_hz, self.block_frames, self.blocks, skew_us = head[3:8]
        self.frames = self.block_frames * self.blocks
        # a pilot for each point
        self.pilot_pins = [pin for pin in (head[8], head[10]) if pin >= 0]
        self.pilot_hz = head[9]
        head = head[:10] + head[11:]
        # (id, sck, mosi, miso, baud of the metering chips), None when nothing hangs on it
        self.spi = head[10:15] if head[10] >= 0 else None
        self.crossing_pin, self.crossing_leg = head[15:17]
        self.dead_man_pin, self.dead_man_bits, self.dead_man_ms, self.dead_man_by = head[17:21]
        # what the wiring and the contacts carry, 0 unknown
        self.evse_a, self.mains_a = head[21:23]
        # what keeps the car's body off a lost PEN: 0 nothing, 1 a pole, 2 a listed device
        self.protective_conductor = head[23]
        self.bond_hold_ms = head[24]  # after the enable has fallen, by itself
        flags = head[25]
        self.voltage_relay = flags & 1 != 0  # it ends a burning island without the chip
        self.rcd_breaks_enable = flags & 2 != 0
        self.heat_breaks_enable = flags & 4 != 0
        self.socket = flags & 8 != 0  # else a tethered cable, or not said
        self.bond_normally_open = flags & 16 != 0  # and its coil dead while the switch is closed
        self.stop_cuts_supply = flags & 32 != 0
        self.lamp_pin, self.button_pin, self.button_pull = head[26:29]
        # (select, interrupt, reset, baud) of a W5500, None without
        self.ethernet = head[29:33] if head[29] >= 0 else None
        # (mdc, mdio, address, pin of the clock, 1 = it goes out, power) of a LAN8720, None without
        self.phy = head[33:39] if head[33] >= 0 else None
        lines, channels, outputs, inputs, meters = head[39:44]
        at = struct.calcsize(_HEAD) + 1
        self.name = str(packed[at : at + packed[at - 1]], "utf-8")
        at += packed[at - 1]
        self.lines, at = _rows(_LINE, packed, at, lines)
        analog = self.analog = Analog(
            self.rate_hz, self.frames, skew_us, channels, frame_ns, self.blocks
        )
        if self.chip in _WIDE_CODES:
            analog.span = _E11_SPAN
            for i in range(4):
                analog.steps[i] = _E11_STEPS[i]
        self.frame_us = analog.frame_us
        self.adc = array("i", [0] * channels)  # input of the converter, and its pin
        self.adc_pins = array("i", [0] * channels)
        rows, at = _rows(_CHANNEL, packed, at, channels)
        for c in range(channels):
            self.adc[c], self.adc_pins[c], analog.signal[c], analog.leg[c] = rows[c][:4]
            analog.point[c], analog.low[c], analog.high[c] = rows[c][4:]
        rows, at = _rows(_OUTPUT, packed, at, outputs)
        self.outputs = [(1 << bit, pin, hold) for bit, pin, hold in rows]
        self.inputs, at = _rows(_INPUT, packed, at, inputs)
        rows, at = _rows(_METER, packed, at, meters)
        self.meters = [Meter(row) for row in rows]

    def has_outputs(self, bits):
        """All these outputs (OUT_*) are there, hence with their protection declared."""
        for bit, _, _ in self.outputs:
            bits &= ~bit
        return bits == 0


class Rights:
    """What a board of this circuit may do, for the rules of a configuration; what `make flash`
    asks and what the board itself asks. `bench`: nothing real can be energised."""

    def __init__(self, circuit, network, key=b""):
        guarded = circuit.guard == GUARD_HARDWARE
        interrupts = circuit.chip != "esp32"  # MicroPython has no hard ones there
        guarded = guarded or (interrupts and circuit.guard == GUARD_HARD)
        self.can_own_contactor = guarded and circuit.has_outputs(im.OUT_CONTACTOR)
        island = im.OUT_ISLAND | im.OUT_BOND | im.OUT_ENABLE | im.OUT_LOADS
        self.can_island = guarded and interrupts and circuit.has_outputs(island)
        self.enable = circuit.has_outputs(im.OUT_ENABLE)
        self.circuit = circuit
        self.evse_a, self.mains_a = circuit.evse_a, circuit.mains_a
        self.lines = len(circuit.lines)  # RS-485
        self.network = network
        wired = circuit.ethernet is not None or circuit.phy is not None
        self.wifi = network and not wired and circuit.chip != "host"
        self.tls = circuit.chip == "esp32"  # docs/decisions.md has what it costs elsewhere
        self.key = key  # the installer's
        self.bench = circuit.chip == "host"


def _rows(layout, packed, at, count):
    """`count` rows from `at` on, and where they end."""
    rows = []
    for _ in range(count):
        rows.append(struct.unpack_from(layout, packed, at))
        at += struct.calcsize(layout)
    return rows, at
