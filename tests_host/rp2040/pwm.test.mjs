// islet: PWM.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixPwm } from '../../tools/rp2040/fixes/pwm.mjs';
import { fresh, pass, peek, poke, SET, stock } from './support.mjs';

const PWM = 0x40050000;
const CSR0 = PWM;
const DIV0 = PWM + 0x04;
const CC0 = PWM + 0x0c;
const TOP0 = PWM + 0x10;
const EN = PWM + 0xa0;
const GP0_CTRL = 0x40014004;
const PWM_FUNCTION = 4;
const HIGH = 1;

/** A 1 kHz pilot on GP0, 25 %, not enabled yet; its edges. */
function pilot(mcu) {
  const edges = [];
  mcu.gpio[0].addListener((value) => edges.push([value & HIGH, mcu.clock.nanos]));
  poke(mcu, GP0_CTRL, PWM_FUNCTION);
  poke(mcu, DIV0, 125 << 4);
  poke(mcu, TOP0, 999);
  poke(mcu, CC0, 250);
  return edges;
}

test('stock rp2040js: an edge before it is enabled, and EN reads 0', () => {
  const mcu = stock();
  const edges = pilot(mcu);
  poke(mcu, CSR0, 1);
  poke(mcu, CSR0, 0);
  poke(mcu, DIV0, 125 << 4);
  edges.length = 0;
  pass(mcu, 3e6);
  assert.notEqual(edges.length, 0);
  poke(mcu, CSR0, 1);
  assert.equal(peek(mcu, EN), 0);
});

test('a slice stands still until it is enabled and is high from then on', () => {
  const mcu = fresh();
  fixPwm(mcu);
  const edges = pilot(mcu);
  pass(mcu, 3e6);
  assert.deepEqual(edges.slice(1), []); // the first: the pin becomes an output
  poke(mcu, CSR0, 1);
  pass(mcu, 2e6);
  const times = edges.slice(1).map(([level, nanos]) => [level, Math.round((nanos - 3e6) / 1e3)]);
  assert.deepEqual(times.slice(0, 4), [[1, 0], [0, 250], [1, 1000], [0, 1250]]);
  poke(mcu, DIV0, 250 << 4);
  assert.equal(peek(mcu, EN), 1);
});

test('enabling one slice by the alias of EN leaves the others running', () => {
  const mcu = fresh();
  fixPwm(mcu);
  poke(mcu, EN + SET, 1 << 4);
  poke(mcu, EN + SET, 1 << 0);
  assert.equal(peek(mcu, EN), 0b10001);
});

test('the settings of a pin are told when they take effect', () => {
  const mcu = fresh();
  const settings = fixPwm(mcu);
  const heard = [];
  settings.onChange = (gpio, setting) => heard.push([gpio, setting, mcu.clock.nanos]);
  pilot(mcu);
  assert.deepEqual(heard, []);
  poke(mcu, CSR0, 1);
  assert.deepEqual(heard.pop(), [0, { freqHz: 1000, dutyU16: 16384, enabled: true }, 0]);
  pass(mcu, 0.5e6);
  poke(mcu, CC0, 1000);
  assert.equal(heard.length, 0, 'the compare value waits for the wrap');
  pass(mcu, 1e6);
  assert.deepEqual(heard.pop(), [0, { freqHz: 1000, dutyU16: 65535, enabled: true }, 1e6]);
  poke(mcu, GP0_CTRL, 5);
  assert.equal(heard.pop()[1].enabled, false);
});

test('edges on B are counted', () => {
  const mcu = fresh();
  fixPwm(mcu);
  mcu.gpio[1].padValue = 0x56;
  poke(mcu, GP0_CTRL + 8, PWM_FUNCTION);
  poke(mcu, CSR0, (2 << 4) | 1);
  for (const level of [true, false, true, false, true]) {
    mcu.gpio[1].setInputValue(level);
  }
  assert.equal(peek(mcu, PWM + 0x08), 3);
});
