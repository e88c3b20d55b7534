// islet: the model of the flash's cache, by sequences whose hits and misses are known.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FlashCache, MISS_CYCLES } from '../../tools/rp2040/cache.mjs';
import { Engine } from '../../tools/rp2040/engine.mjs';
import { fixRegisters } from '../../tools/rp2040/fixes/registers.mjs';
import { fresh, peek, poke } from './support.mjs';

const FLASH = 0x10000000;
const RAM = 0x20000000;
const WAY = 8 * 1024; // addresses so far apart share a set
const FLUSH = 0x14000004;
const CTR_HIT = 0x1400000c;
const CTR_ACC = 0x14000010;

/** Of each address in turn whether it was a hit. */
const hits = (cache, ...addresses) => addresses.map((at) => cache.access(at) === 0);

test('a miss costs what the second stage set up, a hit nothing', () => {
  const cache = new FlashCache();
  assert.equal(MISS_CYCLES, 50);
  assert.equal(cache.access(FLASH), MISS_CYCLES);
  assert.equal(cache.access(FLASH), 0);
  assert.deepEqual([cache.accesses, cache.misses], [2, 1]);
});

test('each half of a line is read by itself', () => {
  assert.deepEqual(hits(new FlashCache(), FLASH, FLASH + 4, FLASH, FLASH + 4, FLASH + 8),
    [false, false, true, true, false]);
  assert.deepEqual(hits(new FlashCache({ fillBytes: 8 }), FLASH, FLASH + 4, FLASH + 8),
    [false, true, false]);
});

test('16 kB stay, in whatever order', () => {
  const cache = new FlashCache();
  for (let at = 0; at < 2 * WAY; at += 4) {
    cache.access(FLASH + at);
  }
  for (let at = 2 * WAY - 4; at >= 0; at -= 4) {
    assert.equal(cache.access(FLASH + at), 0);
  }
});

test('of three lines in a set the one used longest ago goes', () => {
  const [a, b, c] = [FLASH + 64, FLASH + 64 + WAY, FLASH + 64 + 5 * WAY];
  assert.deepEqual(hits(new FlashCache(), a, b, a, b), [false, false, true, true]);
  assert.deepEqual(hits(new FlashCache(), a, b, c, b, a, c), [
    false, false, false, true, false, false]);
  assert.deepEqual(hits(new FlashCache(), a, b, a, c, a, b), [
    false, false, true, false, true, false]);
  const beside = FLASH + 72;
  assert.deepEqual(hits(new FlashCache(), a, beside, b, c, beside), [
    false, false, false, false, true]);
});

test('a line that gives way takes both of its halves with it', () => {
  const [a, b, c] = [FLASH, FLASH + WAY, FLASH + 2 * WAY];
  assert.deepEqual(hits(new FlashCache(), a, a + 4, b, c, c + 4, a + 4).slice(-2), [false, false]);
});

test('windows: without allocating, without looking, without either', () => {
  const [quiet, fresh_, past] = [FLASH + 0x1000000, FLASH + 0x2000000, FLASH + 0x3000000];
  assert.deepEqual(hits(new FlashCache(), quiet, quiet, FLASH, quiet), [
    false, false, false, true]);
  assert.deepEqual(hits(new FlashCache(), fresh_, fresh_, FLASH), [false, false, true]);
  assert.deepEqual(hits(new FlashCache(), FLASH, past, past), [false, false, false]);
});

test('software empties it and reads its counters', () => {
  const mcu = fresh();
  fixRegisters(mcu);
  const cache = new FlashCache();
  cache.attach(mcu);
  assert.deepEqual(hits(cache, FLASH, FLASH), [false, true]);
  assert.deepEqual([peek(mcu, CTR_ACC), peek(mcu, CTR_HIT)], [2, 1]);
  poke(mcu, FLUSH, 1);
  assert.deepEqual(hits(cache, FLASH), [false]);
});

// A program that counts r0 down, with a literal and a word of data from the flash:
const PROGRAM = [
  0x4b03, // 0  LDR r3, [pc, #12]     the literal at 16
  0x681a, // 2  LDR r2, [r3]          the data at 20
  0x3801, // 4  SUBS r0, #1
  0xd1fb, // 6  BNE 0
  0xbf30, // 8  WFI
  0xbf00, 0xbf00, 0xbf00,
];

/** Cycles and accesses of the program at `base`, `rounds` times round. */
function run(base, rounds, cache) {
  const mcu = fresh();
  fixRegisters(mcu);
  const engine = new Engine(mcu, cache);
  const view = base === RAM ? mcu.sramView : new DataView(mcu.flash.buffer);
  PROGRAM.forEach((opcode, i) => view.setUint16(2 * i, opcode, true));
  view.setUint32(16, base + 20, true);
  mcu.core.registers[0] = rounds;
  mcu.core.PC = base;
  engine.fast.limit = 1000;
  engine.step();
  assert.equal(mcu.core.registers[0], 0);
  assert.ok(mcu.core.waiting);
  return engine.fast.cycles;
}

test('the processor waits for what it executes and for what it reads', () => {
  const plain = run(FLASH, 3, null);
  assert.equal(run(RAM, 3, null), plain);
  for (const rounds of [1, 3]) {
    const cache = new FlashCache();
    const cycles = run(FLASH, rounds, cache);
    assert.equal(cache.misses, 5, 'words 0, 4, 8 of code, 16 and 20 of data, once each');
    assert.equal(cycles, run(FLASH, rounds, null) + 5 * MISS_CYCLES);
  }
});

test('what is in RAM waits for nothing', () => {
  const cache = new FlashCache();
  assert.equal(run(RAM, 3, cache), run(RAM, 3, null));
  assert.equal(cache.accesses, 0);
});

test('a call of 32 bits whose halves lie in two words reads both', () => {
  const mcu = fresh();
  fixRegisters(mcu);
  const cache = new FlashCache();
  const engine = new Engine(mcu, cache);
  const view = new DataView(mcu.flash.buffer);
  [0xbf00, 0xf000, 0xf801, 0xbf00, 0xbf30].forEach((opcode, i) => {
    view.setUint16(2 * i, opcode, true); // NOP; BL to 8; WFI there
  });
  mcu.core.PC = FLASH;
  engine.fast.limit = 1000;
  engine.step();
  assert.equal(mcu.core.PC, FLASH + 10);
  assert.equal(cache.misses, 3);
});
