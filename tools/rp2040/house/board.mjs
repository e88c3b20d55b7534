// islet: the circuit board around the emulated chip, wired to the simulated house.
// GPL-3.0-or-later
//
// What reaches the pins comes from the twin's answers; what the pins do is collected as items of
// the link. run() goes on until there is something to say, or to the end of what is predicted.

import fs from 'node:fs';
import { Pico } from '../chip.mjs';
import { Agenda } from './agenda.mjs';
import { Beacon } from './beacon.mjs';
import { Lines } from './console.mjs';
import { Ethernet } from './ethernet.mjs';
import { frontEnd } from './frontend.mjs';
import * as link from './link.mjs';
import { Meters } from './meters.mjs';
import { DutyMeter, PilotDriver } from './pilot.mjs';
import { LineDecoder } from './rs485.mjs';
import { Watchdog } from './watchdog.mjs';
import { Waves } from './waves.mjs';

const SLICE_NANOS = 200e3; // how late a control step is noticed at most
const SEARCH_NANOS = 10e6; // how often the beacon is looked for
const BAUD_SLACK = 0.04; // beyond, a receiver does not understand the sender
const BY_WATCHDOG = 1; // of a Lose; without power else
const RESET_CAUSES = { watchdog: 1 }; // any other is the program's

/** Reasons to speak, the most telling first. */
const WHY = [
  [link.OUTPUT_EDGE, ['Pins', 'Pwm', 'Reset']],
  [link.UART, ['UartTx']],
  [link.NET, ['NetOpen', 'NetTx', 'NetClose']],
  [link.RECORD, ['Section', 'Step', 'Log', 'Watchdog']],
];

/** The circuit board with its chip; see run(). */
export class Board {
  /**
   * @param {object} setup board (path of its JSON), flash (path), line {baud, parity, stop,
   *   silence_us}, sensors (a scenario's house.sensors), nominal_hz, seed, network (of a board
   *   with an Ethernet chip, as in ethernet.mjs),
   *   adc, cache, clock_ppm, typed (rows of ms and text: what somebody types at the console)
   * @param {(text: string) => void} print the console's text as it comes
   * @param {(options: object) => Pico} build the chip itself; another one in tests
   */
  constructor(setup, print, build = (options) => new Pico(options)) {
    const board = JSON.parse(fs.readFileSync(setup.board, 'utf8'));
    const { sensors } = setup;
    this.waves = new Waves({
      current: sensors.current_harmonics,
      voltage: sensors.voltage_harmonics,
    });
    this.pilot = new PilotDriver();
    this.duty = new DutyMeter(board.pilot.freq_hz, (hz, duty) => this.duties(hz, duty));
    const inputs = frontEnd(board, sensors, this.waves, this.pilot);
    this.pico = build({
      flash: setup.flash,
      adcVolts: (channel, nanos) => inputs.get(channel)?.(nanos),
      adc: { ...setup.adc, noiseLsb: sensors.noise_codes, seed: setup.seed },
      cache: setup.cache ?? null,
      clockPpm: setup.clock_ppm ?? 0,
      seed: setup.seed,
    });
    this.wiring = board;
    this.agenda = new Agenda(); // what the twin announces
    this.script = new Agenda(); // what somebody does whatever happens
    this.items = [];
    this.nowUs = 0;
    this.pins = { driven: 0, level: 0 };
    this.told = { driven: 0, level: 0 };
    this.beacon = new Beacon(this.pico.ram);
    this.searchNanos = 0;
    this.lines = new Lines((text) => this.say({ kind: 'Log', text }));
    this.ethernet = board.ethernet
      ? new Ethernet(board, setup.network, this.pico, (item) => this.say(item)) : null;
    this.watchdog = new Watchdog((timeoutMs) => this.say({ kind: 'Watchdog', timeoutMs }));
    this.meters = new Meters(board, sensors, this.waves, this.pico, {
      nominalHz: setup.nominal_hz,
      seed: setup.seed,
    }, (text) => this.say({ kind: 'Log', text }));
    this.mcu = null;
    this.darkNanos = 0; // without power until then
    this.wireSpi(board);
    this.wireOutputs(board);
    this.wirePilot(board.pilot);
    this.wireLine(board.lines[0], setup.line);
    this.pico.onConsole((text, bytes) => {
      print(text);
      this.lines.add(bytes);
    });
    for (const [ms, text] of setup.typed ?? []) {
      this.script.add(ms * 1e6, () => this.pico.type(text));
    }
    this.pico.onReset((reason, nanos) => this.wasReset(reason, nanos));
  }

  /** Something for the twin: speak after the present instruction. */
  say(item) {
    this.items.push(item);
    this.pico.stop();
  }

  // --- wiring ---------------------------------------------------------------------------------

  /** Whoever is selected answers; MISO is pulled up. */
  wireSpi({ spi }) {
    if (spi) {
      this.pico.spi(spi.id).onTransmit = (frame) => {
        const { nanos } = this.pico;
        return this.meters.transfer(frame, nanos) & (this.ethernet?.transfer(frame, nanos) ?? 0xff);
      };
    }
  }

  wireOutputs(board) {
    const rows = [...board.outputs, ...(board.dead_man ? [board.dead_man] : [])];
    for (const { pin } of rows) {
      this.pico.onPin(pin, (level) => {
        const bit = 2 ** pin;
        const { driven, level: levels } = this.pins;
        this.pins.driven = level === null ? driven & ~bit : driven | bit;
        this.pins.level = level ? levels | bit : levels & ~bit;
        this.pico.stop();
      });
    }
  }

  wirePilot({ pin }) {
    this.pilotPin = pin;
    this.pico.onPin(pin, (level, nanos) => {
      this.pilot.drive(level ?? 0, nanos);
      if (level === null) {
        this.duty.reset();
        return;
      }
      const wasAsleep = this.duty.dueNanos === null;
      this.duty.edge(level, nanos);
      if (wasAsleep) {
        this.pico.stop();
      }
    });
  }

  duties(freqHz, duty) {
    const dutyU16 = Math.round(duty * 65535);
    this.say({ kind: 'Pwm', pin: this.pilotPin, freqHz, dutyU16 });
  }

  wireLine({ uart: id, tx, de }, { baud, parity, stop, silence_us: silenceUs }) {
    this.uart = id;
    this.decoder = new LineDecoder({ baud, parity, stop, silenceUs }, (bytes, bad) => {
      if (bad.length) {
        const why = [...new Set(bad)].join(', ');
        this.say({ kind: 'Log', text: `rs-485: ${bad.length} characters lost: ${why}` });
      }
      if (bytes.length) {
        this.say({ kind: 'UartTx', uart: id, data: Uint8Array.from(bytes) });
      }
    });
    this.pico.onPin(tx, (level, nanos) => {
      const wasIdle = this.decoder.startNanos === null;
      this.decoder.setTx(level ?? 1, nanos); // the transceiver pulls its input up
      if (wasIdle) {
        this.pico.stop(); // a character began: its end is due
      }
    });
    this.pico.onPin(de, (level, nanos) => this.decoder.setDe(level ?? 0, nanos));
  }

  /** A character from the line is complete; the receiver is off while the driver is on. */
  receive(byte) {
    const { charNanos } = this.pico.parts.uarts[this.uart];
    const off = Math.abs(charNanos / this.decoder.charNanos - 1) > BAUD_SLACK;
    if (!this.decoder.de && !off) {
      this.pico.uartFeed(this.uart, byte);
    }
  }

  /** The scenario takes the chip's mind; time goes on while it has no power. */
  lose({ untilUs, cause }) {
    this.pico.reset(cause === BY_WATCHDOG ? 'watchdog' : 'power');
    this.darkNanos = untilUs * 1000;
  }

  wasReset(reason, nanos) {
    this.decoder.reset();
    this.beacon = new Beacon(this.pico.ram);
    this.searchNanos = nanos;
    this.ethernet?.reset(reason);
    this.say({ kind: 'Reset', cause: RESET_CAUSES[reason] ?? 2 });
  }

  // --- the twin's answer ------------------------------------------------------------------------

  /** What is going to happen; it replaces what was announced for later than now. */
  take(answer) {
    const nowNanos = this.nowUs * 1000;
    this.agenda.run(nowNanos);
    this.agenda.drop(nowNanos);
    this.waves.replace(this.nowUs, answer.items.filter((item) => item.kind === 'Wave'));
    for (const item of answer.items) {
      if (item.kind === 'Edge') {
        this.agenda.add(item.tUs * 1000, () => this.pico.setPin(item.pin, item.level));
      } else if (item.kind === 'UartRx') {
        item.data.forEach((byte, i) => {
          this.agenda.add((item.tUs + i * item.charUs) * 1000, () => this.receive(byte));
        });
      }
    }
    answer.items.filter((item) => item.kind === 'Lose').forEach((item) => this.lose(item));
    this.ethernet?.twin.renew(answer.items, this.agenda);
    this.meters.announce(this.agenda, this.nowUs, answer.untilUs);
    this.agenda.run(nowNanos);
  }

  /** What hangs on the chip's own bus, anew after each reset. */
  attach() {
    if (this.mcu !== this.pico.mcu) {
      this.mcu = this.pico.mcu;
      this.watchdog.watch(this.mcu);
    }
  }

  // --- time -------------------------------------------------------------------------------------

  /** Run to `untilUs`, or to the first thing to say; what is said, as the link's message. */
  run(untilUs) {
    const end = untilUs * 1000;
    let nanos = this.pico.nanos;
    while (nanos < end && !this.items.length && !this.pinsChanged) {
      this.attach();
      const parts = [this.agenda, this.script, this.decoder, this.duty];
      if (this.ethernet) parts.push(this.ethernet);
      const due = parts.map((part) => part.dueNanos).filter((at) => at !== null);
      const to = Math.min(end, nanos + SLICE_NANOS, ...due);
      if (nanos < this.darkNanos) {
        this.pico.hold(Math.min(to, this.darkNanos));
        nanos = this.pico.nanos;
        this.tick(nanos);
        continue;
      }
      const stopped = this.pico.runUntil(to);
      nanos = stopped ? this.pico.nanos : Math.max(to, this.pico.nanos);
      this.tick(nanos);
    }
    const us = Math.min(untilUs, Math.ceil(nanos / 1000 - 1e-6));
    this.nowUs = Math.max(this.nowUs, us);
    return this.message();
  }

  tick(nanos) {
    this.agenda.run(nanos);
    this.script.run(nanos);
    this.ethernet?.run(nanos);
    this.decoder.tick(nanos);
    this.duty.check(nanos);
    if (this.beacon.at < 0) {
      if (nanos >= this.searchNanos) {
        this.searchNanos = nanos + SEARCH_NANOS;
        this.beacon.find();
      }
    } else if (this.beacon.fresh) {
      this.items.push(...this.beacon.read());
    }
  }

  get pinsChanged() {
    return this.pins.driven !== this.told.driven || this.pins.level !== this.told.level;
  }

  message() {
    const items = this.items.splice(0);
    if (this.pinsChanged) {
      this.told = { ...this.pins };
      const { driven, level } = this.pins;
      items.unshift({ kind: 'Pins', driven: driven >>> 0, level: level >>> 0 });
    }
    const kinds = new Set(items.map((item) => item.kind));
    const found = WHY.find(([, names]) => names.some((name) => kinds.has(name)));
    return { us: this.nowUs, why: found ? found[0] : link.BLOCK_END, items };
  }
}
