# islet: what the boards of all chips have in common; each chip's file keeps what is its own.
# GPL-3.0-or-later

import time

import islet_data
from machine import PWM, RTC, UART, WDT, WDT_RESET, Pin, reset_cause

from firmware import image as im
from firmware.chips.circuit import MODULES_OWN, Circuit, Rights
from firmware.chips.wall import wall_minute

PULL = (None, Pin.PULL_UP, Pin.PULL_DOWN)
_EPOCH_2020 = 1_577_836_800  # s since 1970
PARITY = {"N": None, "E": 0, "O": 1}


class Common:
    """`circuit` is what the frozen bytes say. `console` is where firmware/net/console.py answers,
    `meters` are (SPI, select pin, row) of each metering chip, `ethernet` is (SPI, its pins for
    select, interrupt and reset, its baud, the metering chips'). `fast_blocks`: start_sampling
    takes on_block as well; `dead_man` and `crossings` are for the fast guard then. What a circuit
    does not have is None."""

    fast_blocks = False
    dead_man = crossings = lamp = button = console = ethernet = None
    http_host = "0.0.0.0"  # the page is there for the house, not for the board alone
    resets = (WDT_RESET,)  # what reset_cause() says when the power was there all along
    clock_set = 2020  # the first year that a set clock can show

    def __init__(self, name, network):
        circuit = self.circuit = Circuit(islet_data.CIRCUITS[name])
        self.name = circuit.name
        self.analog = circuit.analog
        self.sample_rate_hz = circuit.rate_hz
        network = network or circuit.ethernet is not None
        self.rights = Rights(circuit, network)
        self.sees_grid = im.SEES_VOLTAGE if self.analog.find("grid_v") >= 0 else im.SEES_NOTHING
        self.http_port = 80 if network else 0
        self._watchdog = None

    def wire(self):
        """What needs no large buffer: pilot, the way in, metering chips, the calendar."""
        circuit = self.circuit
        pins = circuit.pilot_pins
        self._duty_permille = [1000] * len(pins)  # steady +12 V: nothing offered
        self._pwm = [PWM(Pin(pin), freq=circuit.pilot_hz, duty_u16=65535) for pin in pins]
        if circuit.lamp_pin != -1:
            number = "LED" if circuit.lamp_pin == MODULES_OWN else circuit.lamp_pin
            self.lamp = Pin(number, Pin.OUT, value=0)
        if circuit.button_pin >= 0:
            button = Pin(circuit.button_pin, Pin.IN, PULL[circuit.button_pull])
            rest = 1 if circuit.button_pull == 1 else 0
            self.button = lambda: button() != rest
        self.meters = self._on_spi()
        self._rtc = RTC()

    def _on_spi(self):
        """The metering chips; and the network chip, if there is one."""
        circuit = self.circuit
        if circuit.spi is None:
            return []
        from machine import SPI  # the twin has none

        number, sck, mosi, miso, baud = circuit.spi
        selects = [Pin(row.cs, Pin.OUT, value=1) for row in circuit.meters]
        if circuit.ethernet is not None:
            select, interrupt, reset, own_baud = circuit.ethernet
            pins = Pin(select, Pin.OUT, value=1), Pin(interrupt, Pin.IN, Pin.PULL_UP)
            pins += (Pin(reset, Pin.OUT, value=1),)
        spi = SPI(number, baud, polarity=1, phase=1, sck=Pin(sck), mosi=Pin(mosi), miso=Pin(miso))
        if circuit.ethernet is not None:
            self.ethernet = (spi,) + pins + (own_baud, baud)
        return [(spi, cs, row) for cs, row in zip(selects, circuit.meters)]

    # --- power and contacts: each chip in its own way ----------------------------------------

    def write_outputs(self, bits):
        """Set the output pins (OUT_*); called by the guard alone, allocates nothing."""
        raise NotImplementedError

    def read_inputs(self):
        """Contacts and protective inputs now (IN_*)."""
        raise NotImplementedError

    # --- signals ---------------------------------------------------------------------------

    def sample_inputs(self, image):
        """Contacts and protective inputs into the live readings, fresh."""
        live = image.live
        live[im.INPUTS] = self.read_inputs()
        live[im.INPUTS_AGE_MS] = 0

    def crossing_mhz(self):
        """The grid's frequency by its crossings, 0 while unknown."""
        return self.crossings.mhz() if self.crossings is not None else 0

    def watch_trips(self, strike):
        """No input trips by a pin's interrupt: the tick sees it 10 ms later at most."""

    def failed_handlers(self):
        """Interrupts since start whose handler failed; here a handler that fails is gone."""
        return 0

    def pilot(self, duty_permille, point=0):
        """Duty of a point's control pilot, if it has one: 0 steady -12 V, 1000 steady +12 V."""
        duties = self._duty_permille
        if point < len(duties) and duty_permille != duties[point]:
            duties[point] = duty_permille
            self._pwm[point].duty_u16(duty_permille * 65535 // 1000)

    def uart(self, line, baud, parity="N", stop=1):
        """An RS-485 line, counted as the circuit's, as a stream for asyncio; parity N, E or O."""
        if parity not in PARITY:
            raise ValueError("parity: {!r} is not one of N, E, O".format(parity))
        number, tx, rx, _ = self.circuit.lines[line]
        return UART(
            number,
            baudrate=baud,
            bits=8,
            parity=PARITY[parity],
            stop=stop,
            tx=Pin(tx),
            rx=Pin(rx),
            txbuf=264,  # a Modbus frame has 256
            rxbuf=512,
        )

    # --- time ------------------------------------------------------------------------------

    def ticks_ms(self):
        return time.ticks_ms()

    def wall_minute(self):
        """Minutes since 2020-01-01 UTC, -1 while the clock is not set."""
        return wall_minute(self._rtc.datetime(), self.clock_set)

    def wall_s(self):
        """Seconds since 2020-01-01 UTC, -1 while the clock is not set."""
        now = self._rtc.datetime()
        minute = wall_minute(now, self.clock_set)
        return minute * 60 + now[6] if minute >= 0 else -1

    def set_wall(self, seconds):
        """The same, from whoever knows it."""
        t = time.gmtime(_EPOCH_2020 + seconds)
        self._rtc.datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))

    def start_watchdog(self, timeout_ms):
        self._watchdog = WDT(timeout=timeout_ms)

    def patience(self, timeout_ms):
        """How long it waits from here on, if it runs: for what holds the loop at zero power."""
        if self._watchdog is not None:
            self.start_watchdog(timeout_ms)

    def feed_watchdog(self):
        if self._watchdog is not None:
            self._watchdog.feed()

    def reset_cause(self):
        """ "reset" by the watchdog or the program, else "power"."""
        return "reset" if reset_cause() in self.resets else "power"

    # --- what people and tools see ---------------------------------------------------------

    def read_config(self):
        """The site's configuration as text, "" when there is none."""
        try:
            with open("/site.json") as file:
                return file.read()
        except OSError:
            return ""

    def record(self, image, dt_ms=100):
        """For whoever reads the image along, once a step; nobody here."""

    def log(self, text):
        print(text)

    def stop(self):
        """Nothing samples, sends or holds any more: what a soft reset would leave running."""
