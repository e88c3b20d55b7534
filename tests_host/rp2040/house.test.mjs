// islet: tests of the small parts around the emulated chip: pilot, inputs, agenda, beacon, console.
// GPL-3.0-or-later
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Agenda } from '../../tools/rp2040/house/agenda.mjs';
import { Beacon } from '../../tools/rp2040/house/beacon.mjs';
import { Lines } from '../../tools/rp2040/house/console.mjs';
import { frontEnd } from '../../tools/rp2040/house/frontend.mjs';
import { DutyMeter, PilotDriver } from '../../tools/rp2040/house/pilot.mjs';

const near = (a, b, by = 1e-9) => assert.ok(Math.abs(a - b) <= by, `${a}, expected ${b}`);

// --- pilot -----------------------------------------------------------------------------------

test('the pilot goes from one level to the other in 2 µs', () => {
  const driver = new PilotDriver();
  const levels = { pilotHighV: 6, pilotLowV: -12 };
  near(driver.volts(0, levels), -12);
  driver.drive(1, 1000);
  near(driver.volts(1000, levels), -12);
  near(driver.volts(2000, levels), -3);
  near(driver.volts(3000, levels), 6);
  near(driver.volts(900_000, levels), 6);
  driver.drive(0, 900_000);
  driver.drive(1, 900_500); // turned back on the way
  near(driver.volts(900_500, levels), 1.5);
  near(driver.volts(901_000, levels), 6);
});

function pulses(meter, from, count, periodNanos, duty) {
  for (let i = 0; i < count; i++) {
    meter.edge(1, from + i * periodNanos);
    meter.edge(0, from + i * periodNanos + duty * periodNanos);
  }
  return from + count * periodNanos;
}

test('a car reads duty and frequency from the edges, and is told of changes once', () => {
  const told = [];
  const meter = new DutyMeter(1000, (hz, duty) => told.push([hz, Math.round(duty * 1000)]));
  let at = pulses(meter, 0, 50, 1e6, 0.266);
  at = pulses(meter, at, 50, 1e6, 0.5);
  at = pulses(meter, at, 50, 1e6, 0.5002); // no car can tell
  pulses(meter, at, 50, 1.1e6, 0.5);
  assert.deepEqual(told, [[1000, 266], [1000, 500], [909, 500]]);
});

test('without edges for two periods the pilot is steady', () => {
  const told = [];
  const meter = new DutyMeter(1000, (hz, duty) => told.push([hz, duty]));
  assert.equal(meter.dueNanos, null);
  meter.edge(1, 0);
  assert.equal(meter.dueNanos, 2e6);
  meter.check(1.9e6);
  assert.deepEqual(told, []);
  meter.check(2e6);
  assert.deepEqual(told, [[1000, 1]]);
  assert.equal(meter.dueNanos, null);
  meter.edge(0, 5e6);
  meter.check(7e6);
  assert.deepEqual(told, [[1000, 1], [1000, 0]]);
  meter.reset();
  assert.equal(meter.dueNanos, null);
});

// --- the circuit board's inputs ----------------------------------------------------------------

const BOARD = JSON.parse(fs.readFileSync(
  new URL('../../firmware/circuits/pico.json', import.meta.url), 'utf8'));

function inputs({ volts = 0, ppOhm = Infinity, amps = 0, sensors = {} } = {}) {
  const waves = { at: () => ({ wave: { ppOhm }, instant: () => amps }) };
  return frontEnd(BOARD, sensors, waves, { volts: () => volts });
}

test('the pilot\'s divider: 12 V, 0 V and -12 V as its resistors make them', () => {
  // 100 kΩ from the pilot, 22 kΩ to 3.3 V, 27 kΩ to ground: Kirchhoff at the node, by hand
  const node = (volts) => (volts / 100e3 + 3.3 / 22e3) / (1 / 100e3 + 1 / 22e3 + 1 / 27e3);
  for (const volts of [-12, -3, 0, 6, 9, 12]) {
    near(inputs({ volts }).get(0)(0), node(volts));
  }
  near(node(0), 1.6215, 1e-3);
  assert.ok(node(-12) > 0 && node(12) < 3.3);
});

test('proximity is a divider below 3.3 V, an open contact reads all of it', () => {
  near(inputs({ ppOhm: 220 }).get(1)(0), 3.3 * 220 / 1220);
  near(inputs({ ppOhm: Infinity }).get(1)(0), 3.3);
  near(inputs({ ppOhm: 0 }).get(1)(0), 0);
});

test('the CT gives 11 mV for each ampere around the middle, and clips at the rails', () => {
  near(inputs({ amps: 0 }).get(2)(0), 1.65);
  near(inputs({ amps: 32 }).get(2)(0), 1.65 + 32 * 0.05 / 100 * 22);
  near(inputs({ amps: -32 }).get(2)(0), 1.65 - 0.352);
  near(inputs({ amps: 1000 }).get(2)(0), 3.3);
  near(inputs({ amps: -1000 }).get(2)(0), 0);
});

test('a scenario\'s sensor errors are there', () => {
  const sensors = { gain_permille: { evse_l1: 100 }, offset_codes: { evse_l1: 10, cp: -20 } };
  near(inputs({ amps: 10, sensors }).get(2)(0), 1.65 + 10 * 0.011 * 1.1 + 10 / 4096 * 3.3);
  near(inputs({ sensors }).get(0)(0) - inputs().get(0)(0), -20 / 4096 * 3.3);
});

// --- agenda, beacon, console ---------------------------------------------------------------------

test('happenings come in order of time, what is taken back does not', () => {
  const agenda = new Agenda();
  const done = [];
  for (const [nanos, name] of [[30, 'c'], [10, 'a'], [20, 'b'], [10, 'also a'], [40, 'd']]) {
    agenda.add(nanos, (due) => done.push([due, name]));
  }
  agenda.drop(30);
  assert.equal(agenda.dueNanos, 10);
  agenda.run(20);
  assert.deepEqual(done, [[10, 'a'], [10, 'also a'], [20, 'b']]);
  agenda.run(1000);
  assert.deepEqual(done.at(-1), [30, 'c']);
  assert.equal(agenda.dueNanos, null);
});

function memory() {
  const sram = new Uint8Array(264 * 1024);
  const words = new Int32Array(sram.buffer);
  const at = 0x3000;
  words.set([0x69736c65, 0x74627631, 0, 0], at);
  [7, 9, 3, 5, 2].forEach((count, section) => {
    words[at + 4 + 2 * section] = 0x20000000 + 4 * (0x4000 + 100 * section);
    words[at + 5 + 2 * section] = count;
    words.fill(section + 1, 0x4000 + 100 * section, 0x4000 + 100 * section + count);
  });
  return { sram, words, at };
}

test('the image is read through its beacon, once a step, the site once', () => {
  const { sram, words, at } = memory();
  words[0x100] = 0x69736c65; // one half of the magic is not enough
  const beacon = new Beacon(sram);
  assert.ok(beacon.find());
  assert.ok(!beacon.fresh);
  words[at + 2] = 1;
  words[at + 3] = 100;
  assert.ok(beacon.fresh);
  const first = beacon.read();
  assert.deepEqual(first.map((item) => item.section ?? item.dtMs), [0, 1, 2, 3, 4, 100]);
  assert.deepEqual(new Int32Array(first[3].data.buffer), new Int32Array(5).fill(4));
  assert.ok(!beacon.fresh);
  words[at + 2] = 2;
  assert.deepEqual(beacon.read().map((item) => item.section ?? item.dtMs), [1, 2, 3, 4, 100]);
});

test('a beacon that points nowhere is none', () => {
  const { sram, words, at } = memory();
  words[at + 6] = 0x10000000;
  assert.ok(!new Beacon(sram).find());
  assert.ok(!new Beacon(new Uint8Array(264 * 1024)).find());
});

test('the console\'s text comes as lines, whatever pieces it comes in', () => {
  const told = [];
  const lines = new Lines((line) => told.push(line));
  const text = Buffer.from('one\r\n\r\ntwo µ\nthree', 'utf8');
  for (const byte of text) lines.add(Uint8Array.of(byte));
  assert.deepEqual(told, ['one', 'two µ']);
  lines.add(Buffer.from('\n' + 'x'.repeat(2500)));
  assert.equal(told[2], 'three');
  assert.ok(told.slice(3).join('').length >= 1000);
});
