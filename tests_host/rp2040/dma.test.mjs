// islet: DMA pacing.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixDma } from '../../tools/rp2040/fixes/dma.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const DMA = 0x50000000;
const READ0 = DMA;
const WRITE0 = DMA + 0x04;
const COUNT0 = DMA + 0x08;
const CTRL0 = DMA + 0x0c;
const INTR = DMA + 0x400;
const TIMER0 = DMA + 0x420;
const CHAN_ABORT = DMA + 0x444;
const RAM = 0x20000000;
const WORDS = 8;
const UNPACED = 63;
const BY_TIMER0 = 59;
const BY_PWM_WRAP0 = 24;
const BUSY = 1 << 24;

const control = (request, chain = 0) => (request << 15) | (chain << 11) | 0x30 | (2 << 2) | 1;

function copy(mcu, request) {
  for (let i = 0; i < WORDS; i++) {
    poke(mcu, RAM + 4 * i, 0x1000 + i);
    poke(mcu, RAM + 0x100 + 4 * i, 0);
  }
  poke(mcu, READ0, RAM);
  poke(mcu, WRITE0, RAM + 0x100);
  poke(mcu, COUNT0, WORDS);
  poke(mcu, CTRL0, control(request));
}

const copied = (mcu) => WORDS - peek(mcu, COUNT0);

function fixed() {
  const mcu = fresh();
  fixDma(mcu);
  return mcu;
}

test('stock rp2040js: a timer of 1/1000 paces by a thousandth of a cycle', () => {
  const mcu = stock();
  poke(mcu, TIMER0, (1 << 16) | 1000);
  copy(mcu, BY_TIMER0);
  pass(mcu, 10);
  assert.equal(copied(mcu), WORDS);
});

test('a pacing timer of X/Y transfers every Y/X cycles', () => {
  const mcu = fixed();
  poke(mcu, TIMER0, (2 << 16) | 1000);
  copy(mcu, BY_TIMER0);
  pass(mcu, 3 * 500 * 8 + 1);
  assert.equal(copied(mcu), 3);
});

test('an unpaced transfer takes a cycle for each word, then interrupts and is idle', () => {
  const mcu = fixed();
  copy(mcu, UNPACED);
  pass(mcu, 5 * 8);
  assert.equal(copied(mcu), 5);
  assert.equal(peek(mcu, CTRL0) & BUSY, BUSY);
  pass(mcu, 3 * 8);
  assert.equal(peek(mcu, RAM + 0x100 + 4 * 7), 0x1007);
  assert.equal(peek(mcu, CTRL0) & BUSY, 0);
  assert.equal(peek(mcu, INTR) & 1, 1);
});

test('a PWM wrap asks for one transfer', () => {
  const mcu = fixed();
  copy(mcu, BY_PWM_WRAP0);
  for (let i = 1; i <= 3; i++) {
    mcu.pwm.channelInterrupt(0);
    pass(mcu, 1000);
    assert.equal(copied(mcu), i);
  }
});

test('two channels that chain to each other go round', () => {
  const mcu = fixed();
  const channel1 = 0x40;
  poke(mcu, READ0 + channel1, RAM);
  poke(mcu, WRITE0 + channel1, RAM + 0x200);
  poke(mcu, COUNT0 + channel1, 2);
  poke(mcu, DMA + 0x10 + channel1, control(UNPACED, 0) | (0 << 11));
  copy(mcu, UNPACED);
  poke(mcu, DMA + 0x10, control(UNPACED, 1));
  pass(mcu, 10.5 * 8);
  assert.equal(peek(mcu, RAM + 0x204), 0x1001);
  assert.equal(peek(mcu, INTR) & 3, 3);
  assert.equal(peek(mcu, CTRL0) & BUSY, BUSY);
});

test('waiting for an abort ends', () => {
  const mcu = fixed();
  copy(mcu, UNPACED);
  poke(mcu, CHAN_ABORT, 1);
  assert.equal(peek(mcu, CHAN_ABORT), 0);
  pass(mcu, 1000);
  assert.equal(copied(mcu), 0);
});
