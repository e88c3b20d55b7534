// islet: the FIFO from the second core.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixCore1 } from '../../tools/rp2040/fixes/core1.mjs';
import { CLEAR, fresh, peek, poke, SET, stock } from './support.mjs';

const FIFO_ST = 0xd0000050;
const FIFO_RD = 0xd0000058;
const FRCE_OFF = 0x40010004;
const PROC1 = 1 << 16;
const VALID = 1;

test('stock rp2040js always has a word of ones', (context) => {
  context.mock.method(console, 'warn', () => {});
  const mcu = stock();
  assert.deepEqual([peek(mcu, FIFO_ST), peek(mcu, FIFO_RD)], [0xffffffff, 0xffffffff]);
});

test('core 1 sends one zero when it comes out of reset, and nothing else', () => {
  const mcu = fresh();
  fixCore1(mcu);
  assert.equal(peek(mcu, FIFO_ST) & VALID, 0);
  poke(mcu, FRCE_OFF + SET, PROC1);
  assert.equal(peek(mcu, FRCE_OFF) & PROC1, PROC1);
  assert.equal(peek(mcu, FIFO_ST) & VALID, 0);
  poke(mcu, FRCE_OFF + CLEAR, PROC1);
  assert.equal(peek(mcu, FIFO_ST) & VALID, VALID);
  assert.equal(peek(mcu, FIFO_RD), 0);
  assert.equal(peek(mcu, FIFO_ST) & VALID, 0);
});
