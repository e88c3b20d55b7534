// islet: the serial flash, driven as the boot ROM drives it.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixFlash, FLASH_TIMES } from '../../tools/rp2040/fixes/flash.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const DR0 = 0x18000060;
const SS_CTRL = 0x4001800c;

/** One command between two edges of chip select; what came back. */
function command(mcu, ...bytes) {
  poke(mcu, SS_CTRL, 2 << 8);
  const answer = bytes.map((byte) => {
    poke(mcu, DR0, byte);
    return peek(mcu, DR0);
  });
  poke(mcu, SS_CTRL, 3 << 8);
  return answer;
}

function ready(mcu) {
  return (command(mcu, 0x05, 0)[1] & 1) === 0;
}

test('stock rp2040js forgets an erase', () => {
  const mcu = stock();
  mcu.logger = { debug() {}, info() {}, warn() {}, error() {} };
  mcu.flash[0x1234] = 0;
  command(mcu, 0x06);
  command(mcu, 0x20, 0, 0x12, 0);
  assert.equal(mcu.flash[0x1234], 0);
});

test('erasing takes its time and sets a sector; programming clears bits within a page', () => {
  const mcu = fresh();
  fixFlash(mcu);
  mcu.flash.fill(0);
  command(mcu, 0x06);
  command(mcu, 0x20, 0, 0x12, 0x34);
  assert.equal(ready(mcu), false);
  pass(mcu, FLASH_TIMES.eraseSectorNanos - 1);
  assert.equal(ready(mcu), false);
  pass(mcu, 1);
  assert.equal(ready(mcu), true);
  assert.deepEqual([0xfff, 0x1000, 0x1fff, 0x2000].map((at) => mcu.flash[at]), [0, 255, 255, 0]);
  command(mcu, 0x06);
  command(mcu, 0x02, 0, 0x10, 0xfe, 0x0f, 0xf0, 0x3c);
  pass(mcu, FLASH_TIMES.programNanos);
  assert.deepEqual([0x10fe, 0x10ff, 0x1000].map((at) => mcu.flash[at]), [0x0f, 0xf0, 0x3c]);
});

test('without write enable, and while it is busy, nothing happens', () => {
  const mcu = fresh();
  fixFlash(mcu);
  mcu.flash.fill(0);
  command(mcu, 0x20, 0, 0, 0);
  assert.equal(mcu.flash[0], 0);
  command(mcu, 0x06);
  command(mcu, 0xd8, 0, 0, 0);
  command(mcu, 0x06);
  command(mcu, 0x20, 1, 0, 0);
  assert.equal(mcu.flash[0], 255);
  assert.equal(mcu.flash[0x10000], 0);
});

test('times are parameters, and listeners hear what is erased and programmed', () => {
  const mcu = fresh();
  const heard = [];
  fixFlash(mcu, {
    eraseSectorNanos: 400e6,
    onErase: (at, size) => heard.push(['erase', at, size]),
    onProgram: (at, size) => heard.push(['program', at, size]),
  });
  command(mcu, 0x06);
  command(mcu, 0x20, 0, 0x20, 0);
  pass(mcu, 399e6);
  assert.equal(ready(mcu), false);
  pass(mcu, 1e6);
  command(mcu, 0x06);
  command(mcu, 0x02, 0, 0x20, 0, 1, 2);
  assert.deepEqual(heard, [['erase', 0x2000, 4096], ['program', 0x2000, 2]]);
  assert.deepEqual(command(mcu, 0x9f, 0, 0, 0).slice(1), [0xef, 0x40, 0x15]);
});
