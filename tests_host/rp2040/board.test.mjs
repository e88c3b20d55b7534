// islet: tests of the circuit board around the chip, with a chip that does what a test tells it.
// GPL-3.0-or-later
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { Board } from '../../tools/rp2040/house/board.mjs';
import { BLOCK_END, OUTPUT_EDGE, UART } from '../../tools/rp2040/house/link.mjs';

const PICO = fileURLToPath(new URL('../../firmware/circuits/pico.json', import.meta.url));
const [TX, DE, DEAD_MAN, CONTACTOR, PILOT, CS1, ZX] = [0, 2, 3, 4, 9, 17, 21];
const CHAR_NANOS = (10 / 19_200) * 1e9;

/** Has the interface of tools/rp2040/chip.mjs that the board uses; lives a script. */
class ScriptedPico {
  constructor(options) {
    this.options = options;
    this.nanos = 0;
    this.ram = new Uint8Array(264 * 1024);
    this.mcu = { peripherals: { 0x40058: { writeUint32() {} } } };
    this.parts = { uarts: [{ charNanos: CHAR_NANOS }, {}] };
    this.listeners = { pin: {}, console: [], reset: [] };
    this.ports = [{ onTransmit: null }, { onTransmit: null }];
    this.script = []; // [nanos, action]
    this.driven = new Map(); // what the outside drives
    this.fed = [];
  }

  onPin(gpio, callback) {
    (this.listeners.pin[gpio] ??= []).push(callback);
  }

  onConsole(callback) {
    this.listeners.console.push(callback);
  }

  onReset(callback) {
    this.listeners.reset.push(callback);
  }

  spi(index) {
    return this.ports[index];
  }

  setPin(gpio, level) {
    this.driven.set(gpio, level);
  }

  lost = [];
  held = [];

  reset(reason) {
    this.lost.push(reason);
    this.listeners.reset.forEach((callback) => callback(reason, this.nanos));
  }

  hold(nanos) {
    this.held.push(nanos);
    this.nanos = nanos;
  }

  uartFeed(index, byte) {
    this.fed.push([Math.round(this.nanos / 1000), byte]);
  }

  stop() {
    this.stopped = true;
  }

  runUntil(nanos) {
    this.stopped = false;
    while (this.script.length && this.script[0][0] <= nanos) {
      const [at, action] = this.script.shift();
      this.nanos = Math.max(this.nanos, at);
      action();
      if (this.stopped) return true;
    }
    this.nanos = Math.max(this.nanos, nanos);
    return false;
  }

  // what a script does

  at(us, action) {
    this.script.push([us * 1000, action]);
  }

  pin(us, gpio, level) {
    const tell = (callback) => callback(level, us * 1000);
    this.at(us, () => this.listeners.pin[gpio].forEach(tell));
  }

  send(us, bytes) {
    const bit = CHAR_NANOS / 10;
    bytes.forEach((byte, i) => {
      const levels = [0, ...Array.from({ length: 8 }, (_, n) => (byte >> n) & 1), 1];
      levels.forEach((level, n) => this.pin(us + (i * 10 + n) * bit / 1000, TX, level));
    });
    return us + bytes.length * CHAR_NANOS / 1000;
  }
}

const legs = (rms) => Float64Array.from([0, 1, 2].flatMap((leg) => {
  const rad = (-2 * Math.PI * leg) / 3;
  return [rms * Math.cos(rad), rms * Math.sin(rad)];
}));

function wave(t0Us, t1Us, given = {}) {
  const rad = 2 * Math.PI * 50 * t0Us * 1e-6;
  return {
    kind: 'Wave', t0Us, t1Us, gridHz: 50, gridRad: rad, houseHz: 50, houseRad: rad,
    evseA: legs(16), mainA: legs(20), gridV: legs(230), houseV: legs(229),
    pilotHighV: 6, pilotLowV: -12, ppOhm: 220, ...given,
  };
}

class Rig {
  constructor(setup = {}) {
    this.printed = '';
    const given = {
      board: PICO, flash: 'none', line: { baud: 19_200, parity: 'N', stop: 1, silence_us: 1823 },
      sensors: { noise_codes: 0, current_harmonics: [], voltage_harmonics: [] },
      nominal_hz: 50, seed: 1, network: false, ...setup,
    };
    this.board = new Board(given, (text) => { this.printed += text; }, (options) => {
      this.pico = new ScriptedPico(options);
      return this.pico;
    });
  }

  /** Answer with items and the waves, let the chip live, take what is said. */
  live(untilUs, ...items) {
    const told = items.some((item) => item.kind === 'Wave');
    const waves = told ? [] : [wave(this.board.nowUs, untilUs)];
    this.board.take({ untilUs, items: [...waves, ...items] });
    return this.board.run(untilUs);
  }

  /** All that is said up to a time. */
  all(untilUs, ...items) {
    const said = [];
    do {
      const message = this.live(untilUs, ...items);
      said.push(...message.items.map((item) => [message.us, item]));
      items = [];
    } while (this.board.nowUs < untilUs);
    return said;
  }
}

test('a quiet chip speaks at the end of what is predicted', () => {
  const rig = new Rig();
  assert.deepEqual(rig.live(100_000), { us: 100_000, why: BLOCK_END, items: [] });
});

test('outputs are told at the next whole microsecond, undriven ones as such', () => {
  const rig = new Rig();
  rig.pico.pin(1000.3, CONTACTOR, 0);
  rig.pico.pin(2000, CONTACTOR, 1);
  rig.pico.pin(2000, DEAD_MAN, 1);
  rig.pico.pin(3000, CONTACTOR, null);
  assert.deepEqual(rig.live(100_000), {
    us: 1001, why: OUTPUT_EDGE, items: [{ kind: 'Pins', driven: 1 << CONTACTOR, level: 0 }],
  });
  const pins = rig.all(50_000).map(([us, { driven, level }]) => [us, driven, level]);
  const both = (1 << CONTACTOR) | (1 << DEAD_MAN);
  assert.deepEqual(pins, [
    [2000, 1 << CONTACTOR, 1 << CONTACTOR],
    [2000, both, both],
    [3000, 1 << DEAD_MAN, 1 << DEAD_MAN],
  ]);
});

test('contacts become levels at their time, and one that is taken back does not', () => {
  const rig = new Rig();
  const edge = (us, level) => ({ kind: 'Edge', tUs: us, pin: 10, level });
  rig.live(100, edge(0, 0));
  assert.equal(rig.pico.driven.get(10), 0);
  rig.pico.pin(300, CONTACTOR, 1);
  assert.equal(rig.live(1000, edge(500, 1)).us, 300);
  assert.equal(rig.live(1000).us, 1000); // the new answer does not tell of it any more
  assert.equal(rig.pico.driven.get(10), 0);
  rig.live(2000, edge(1500, 1));
  assert.equal(rig.pico.driven.get(10), 1);
});

test('the converter sees the house, the pilot as its pin stands', () => {
  const rig = new Rig();
  rig.pico.pin(100, PILOT, 1);
  rig.live(5000, wave(0, 5000, { evseA: Float64Array.from([10, 0, 0, 0, 0, 0]) }));
  const volts = (input, us) => rig.pico.options.adcVolts(input, us * 1000);
  const node = (v) => (v / 100e3 + 3.3 / 22e3) / (1 / 100e3 + 1 / 22e3 + 1 / 27e3);
  assert.ok(Math.abs(volts(0, 4000) - node(6)) < 1e-9);
  assert.ok(Math.abs(volts(1, 4000) - 3.3 * 220 / 1220) < 1e-9);
  const amps = 10 * Math.SQRT2 * Math.cos(2 * Math.PI * 50 * 0.004);
  assert.ok(Math.abs(volts(2, 4000) - 1.65 - amps * 0.011) < 1e-9);
  assert.equal(volts(3, 4000), undefined); // the board has nothing there
});

test('a frame is told when its closing silence is over', () => {
  const rig = new Rig();
  rig.pico.pin(999, DE, 1);
  const end = rig.pico.send(1000, [1, 4, 0xff]);
  rig.pico.pin(end + 1, DE, 0);
  const said = rig.all(100_000);
  assert.equal(said.length, 1);
  const [us, item] = said[0];
  assert.deepEqual([item.kind, item.uart, [...item.data]], ['UartTx', 0, [1, 4, 0xff]]);
  assert.equal(us, Math.ceil(end + 1823 - 1e-6));
});

test('a frame whose driver is late is told without what was lost, and why', () => {
  const rig = new Rig();
  const end = rig.pico.send(1000, [0x55, 0xaa]);
  rig.pico.pin(1100, DE, 1);
  rig.pico.script.sort((a, b) => a[0] - b[0]);
  rig.pico.pin(end + 1, DE, 0);
  const message = rig.live(100_000);
  assert.equal(message.why, UART);
  assert.deepEqual(message.items.map((item) => item.text ?? [...item.data]),
    ['rs-485: 1 characters lost: driver off within the character', [0xaa]]);
});

test('characters reach the receiver when they are complete, but not while the driver is on', () => {
  const rig = new Rig();
  rig.pico.pin(3000, DE, 1);
  rig.pico.pin(4000, DE, 0);
  const data = Uint8Array.of(1, 2, 3, 4, 5);
  rig.all(50_000, { kind: 'UartRx', uart: 0, tUs: 2000, charUs: 521, data });
  assert.deepEqual(rig.pico.fed, [[2000, 1], [2521, 2], [4084, 5]]);
});

test('a receiver with another baud rate understands nothing', () => {
  const rig = new Rig();
  rig.pico.parts.uarts[0].charNanos = CHAR_NANOS * 2;
  rig.all(50_000, { kind: 'UartRx', uart: 0, tUs: 2000, charUs: 521, data: Uint8Array.of(1, 2) });
  assert.deepEqual(rig.pico.fed, []);
});

test('the pilot\'s duty is told when a car would know it', () => {
  const rig = new Rig();
  for (let i = 0; i < 5; i++) {
    rig.pico.pin(1000 + 1000 * i, PILOT, 1);
    rig.pico.pin(1300 + 1000 * i, PILOT, 0);
  }
  rig.pico.pin(6000, PILOT, 1);
  const said = rig.all(20_000).map(([us, item]) => [us, item.freqHz, item.dutyU16]);
  assert.deepEqual(said, [[3000, 1000, Math.round(0.3 * 65535)], [8000, 1000, 65535]]);
});

test('console lines are told and printed, a control step with the image after it', () => {
  const rig = new Rig();
  const words = new Int32Array(rig.pico.ram.buffer);
  words.set([0x69736c65, 0x74627631, 0, 0], 64);
  for (let section = 0; section < 5; section++) {
    words.set([0x20000000 + 4 * (1000 + section), 1], 68 + 2 * section);
    words[1000 + section] = section + 40;
  }
  const text = 'configuration: bad\r\n';
  rig.pico.at(1000, () => {
    rig.pico.listeners.console.forEach((callback) => callback(text, Buffer.from(text)));
  });
  rig.pico.at(30_000, () => words.set([1, 100], 66));
  const said = rig.all(100_000);
  assert.equal(rig.printed, text);
  assert.deepEqual(said[0], [1000, { kind: 'Log', text: 'configuration: bad' }]);
  assert.deepEqual(said.slice(1).map(([, item]) => item.kind),
    ['Section', 'Section', 'Section', 'Section', 'Section', 'Step']);
  const [us] = said[1];
  assert.ok(us >= 30_000 && us <= 30_200, `${us}`);
  assert.equal(new Int32Array(said[4][1].data.buffer)[0], 43);
});

test('a reset is told with the pins afloat, and what was half sent is lost', () => {
  const rig = new Rig();
  rig.pico.pin(100, CONTACTOR, 1);
  rig.pico.pin(200, DE, 1);
  rig.pico.pin(300, TX, 0);
  rig.pico.at(400, () => {
    rig.pico.listeners.pin[CONTACTOR].forEach((callback) => callback(null, 400_000));
    rig.pico.listeners.pin[DE].forEach((callback) => callback(null, 400_000));
    rig.pico.listeners.pin[TX].forEach((callback) => callback(null, 400_000));
    rig.pico.listeners.reset.forEach((callback) => callback('watchdog', 400_000));
  });
  rig.live(100_000);
  const message = rig.live(100_000);
  assert.deepEqual(message, {
    us: 400, why: OUTPUT_EDGE,
    items: [{ kind: 'Pins', driven: 0, level: 0 }, { kind: 'Reset', cause: 1 }],
  });
  assert.deepEqual(rig.all(100_000), []);
});

test('the scenario takes the chip\'s mind: no power for as long as it says, then a new life', () => {
  const rig = new Rig();
  rig.board.take({ untilUs: 100_000, items: [{ kind: 'Lose', untilUs: 30_000, cause: 2 }] });
  const message = rig.board.run(100_000);
  assert.deepEqual(message.items, [{ kind: 'Reset', cause: 2 }]);
  assert.deepEqual(rig.pico.lost, ['power']);
  rig.pico.pin(35_000, CONTACTOR, 1);
  assert.equal(rig.board.run(100_000).us, 35_000);
  assert.equal(rig.pico.held.at(-1), 30e6);
  rig.board.take({ untilUs: 100_000, items: [{ kind: 'Lose', untilUs: 35_000, cause: 1 }] });
  assert.deepEqual(rig.pico.lost, ['power', 'watchdog']);
});

test('the metering chips answer by their chip select, and complain of bad frames', () => {
  const rig = new Rig();
  const read = (bytes) => bytes.map((byte, i) => {
    rig.pico.nanos += 8000;
    return rig.pico.ports[0].onTransmit(byte, i);
  });
  let answer;
  rig.pico.pin(10_000, CS1, 1);
  rig.pico.pin(10_001, CS1, 0);
  rig.pico.at(10_002, () => { answer = read([0x80, 0x01, 0, 0]); });
  rig.pico.pin(10_100, CS1, 1);
  rig.pico.pin(10_200, CS1, 0);
  rig.pico.at(10_201, () => read([0x80]));
  rig.pico.pin(10_300, CS1, 1);
  rig.pico.pin(10_400, CS1, 0);
  rig.pico.at(10_401, () => read([0x80]));
  const said = rig.all(50_000);
  assert.deepEqual(answer.slice(2), [0x02, 0x10]);
  assert.deepEqual(said.map(([, item]) => item.text), ['metering chip 1: a frame of 1 bytes']);
});

test('a comparator for the crossings is high in the grid\'s positive half period', () => {
  const rig = new Rig();
  rig.board.meters.crossing = { pin: ZX, leg: 1, by: 'comparator' };
  const levels = [];
  for (let us = 1000; us <= 21_000; us += 1000) {
    rig.live(us);
    levels.push(rig.pico.driven.get(ZX));
  }
  assert.deepEqual(levels.slice(5, 14), Array(9).fill(0)); // 5 ms to 15 ms
  assert.deepEqual(levels.slice(15, 21), Array(6).fill(1));
});
