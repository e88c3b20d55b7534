// islet: pads.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixGpio } from '../../tools/rp2040/fixes/gpio.mjs';
import { fresh, peek, poke, stock } from './support.mjs';

const SIO = 0xd0000000;
const GPIO_IN = SIO + 0x04;
const OUT_SET = SIO + 0x14;
const OUT_CLR = SIO + 0x18;
const OE_SET = SIO + 0x24;
const OE_CLR = SIO + 0x28;
const CTRL3 = 0x40014000 + 8 * 3 + 4;
const INTR0 = 0x400140f0;
const PAD3 = 0x4001c000 + 4 + 4 * 3;
const PIN = 1 << 3;
const EDGE_LOW = 1 << (4 * 3 + 2);
const EDGE_HIGH = 1 << (4 * 3 + 3);
const SIO_FUNCTION = 5;

function drive(mcu) {
  poke(mcu, PAD3, 0x56);
  poke(mcu, CTRL3, SIO_FUNCTION);
  poke(mcu, OE_SET, PIN);
  poke(mcu, OUT_SET, PIN);
  return peek(mcu, GPIO_IN) & PIN;
}

test('stock rp2040js does not read back what a pin drives', () => {
  assert.equal(drive(stock()), 0);
});

test('a pin reads what it drives, with its edges', () => {
  const mcu = fresh();
  fixGpio(mcu);
  assert.equal(drive(mcu), PIN);
  assert.ok(peek(mcu, INTR0) & EDGE_HIGH);
  poke(mcu, OUT_CLR, PIN);
  assert.equal(peek(mcu, GPIO_IN) & PIN, 0);
  assert.ok(peek(mcu, INTR0) & EDGE_LOW);
});

test('an input follows the outside, then its pull', () => {
  const mcu = fresh();
  const pads = fixGpio(mcu);
  pads.set(3, 1);
  assert.equal(peek(mcu, GPIO_IN) & PIN, PIN);
  pads.set(3, null);
  assert.equal(peek(mcu, GPIO_IN) & PIN, 0, 'pulled down after reset');
  poke(mcu, PAD3, 0x4a);
  assert.equal(peek(mcu, GPIO_IN) & PIN, PIN, 'pulled up');
  pads.set(3, 0);
  assert.equal(peek(mcu, GPIO_IN) & PIN, 0);
});

test('the outside waits behind an output and is back when that lets go', () => {
  const mcu = fresh();
  const pads = fixGpio(mcu);
  pads.set(3, 0);
  assert.equal(drive(mcu), PIN);
  poke(mcu, OE_CLR, PIN);
  assert.equal(peek(mcu, GPIO_IN) & PIN, 0);
});

test('the same level again is no edge', () => {
  const mcu = fresh();
  const pads = fixGpio(mcu);
  pads.set(3, 1);
  poke(mcu, INTR0, 0xffffffff);
  pads.set(3, 1);
  poke(mcu, PAD3, 0x57);
  assert.equal(peek(mcu, INTR0) & (EDGE_HIGH | EDGE_LOW), 0);
  const before = stock();
  before.gpio[3].padValue = 0x56;
  before.gpio[3].setInputValue(true);
  poke(before, INTR0, 0xffffffff);
  before.gpio[3].setInputValue(true);
  assert.ok(peek(before, INTR0) & EDGE_HIGH, 'stock rp2040js latches one');
});

test('with its input buffer off a pin reads low and latches nothing', () => {
  const mcu = fresh();
  const pads = fixGpio(mcu);
  poke(mcu, PAD3, 0x16);
  poke(mcu, INTR0, 0xffffffff);
  pads.set(3, 1);
  assert.equal(peek(mcu, GPIO_IN) & PIN, 0);
  assert.equal(peek(mcu, INTR0) & EDGE_HIGH, 0);
});
