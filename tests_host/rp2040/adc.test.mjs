// islet: the converter's round robin and FIFO.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixAdc } from '../../tools/rp2040/fixes/adc.mjs';
import { fresh, pass, peek, poke, SET, stock } from './support.mjs';

const CS = 0x4004c000;
const FCS = CS + 0x08;
const FIFO = CS + 0x0c;
const DIV = CS + 0x10;
const INTE = CS + 0x18;
const EN_START_MANY = 0x9;
const OVER = 1 << 11;
const ADC_IRQ = 1 << 22;

/** The channels that a round robin takes, by reading each conversion at once. */
function taken(mcu, turns, count, first = 0) {
  const seen = [];
  mcu.adc.channelValues = [0, 1, 2, 3, 4];
  poke(mcu, FCS, 1);
  poke(mcu, CS, (turns << 16) | (first << 12) | EN_START_MANY);
  for (let i = 0; i < count; i++) {
    pass(mcu, 2000);
    seen.push(peek(mcu, FIFO));
  }
  return seen;
}

test('stock rp2040js stays on channel 0', () => {
  assert.deepEqual(taken(stock(), 0b111, 6), [0, 0, 0, 0, 0, 0]);
});

test('a round robin takes its channels in turn and comes back to channel 0', () => {
  for (const [turns, first, want] of [
    [0b00111, 0, [0, 1, 2, 0, 1, 2]],
    [0b10101, 0, [0, 2, 4, 0, 2, 4]],
    [0b00110, 2, [2, 1, 2, 1, 2, 1]],
    [0b00000, 3, [3, 3, 3, 3, 3, 3]],
  ]) {
    const mcu = fresh();
    fixAdc(mcu, (channel) => channel);
    assert.deepEqual(taken(mcu, turns, 6, first), want);
  }
});

test('DIV sets the pace: (1 + INT + FRAC / 256) / 48 MHz, at least 2 us', () => {
  for (const [div, nanos] of [[0, 2000], [3071 << 8, 64000], [(95 << 8) | 128, 96.5 / 0.048]]) {
    const mcu = fresh();
    const starts = [];
    fixAdc(mcu, () => starts.push(mcu.clock.nanos));
    poke(mcu, DIV, div);
    poke(mcu, CS, EN_START_MANY);
    pass(mcu, 1e6);
    assert.ok(Math.abs(starts[10] - 10 * nanos) < 0.01, `${starts[10]} at DIV ${div}`);
  }
});

test('reading the FIFO takes its interrupt back, and OVER stays until it is cleared', () => {
  const mcu = fresh();
  fixAdc(mcu, () => 7);
  poke(mcu, INTE, 1);
  poke(mcu, FCS, (1 << 24) | 1);
  poke(mcu, CS, 5);
  pass(mcu, 2000);
  assert.ok(mcu.core.pendingInterrupts & ADC_IRQ);
  assert.equal(peek(mcu, FIFO), 7);
  assert.ok(!(mcu.core.pendingInterrupts & ADC_IRQ));
  poke(mcu, CS, EN_START_MANY);
  pass(mcu, 20000);
  poke(mcu, FCS + SET, 1 << 3);
  assert.ok(peek(mcu, FCS) & OVER);
  poke(mcu, FCS + SET, OVER);
  assert.ok(!(peek(mcu, FCS) & OVER));
});
