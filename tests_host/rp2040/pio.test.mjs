// islet: PIO state machines in time, their FIFOs, and instructions from outside.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixPio } from '../../tools/rp2040/fixes/pio.mjs';
import { fixPioExec } from '../../tools/rp2040/fixes/pio_exec.mjs';
import { fixPioFifo } from '../../tools/rp2040/fixes/pio_fifo.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const PIO0 = 0x50200000;
const CTRL = PIO0;
const FSTAT = PIO0 + 0x04;
const FLEVEL = PIO0 + 0x0c;
const TXF0 = PIO0 + 0x10;
const RXF0 = PIO0 + 0x20;
const MEM = PIO0 + 0x48;
const CLKDIV = PIO0 + 0xc8;
const EXECCTRL = PIO0 + 0xcc;
const SHIFTCTRL = PIO0 + 0xd0;
const ADDR = PIO0 + 0xd4;
const INSTR = PIO0 + 0xd8;
const PINCTRL = PIO0 + 0xdc;
const PIO_FUNCTION = 6;
const TX_FULL = 1 << 16;

const SET_PINS = (value, delay = 0) => 0xe000 | (delay << 8) | value;
const SET_X = (value) => 0xe020 | value;
const JMP = (to, delay = 0) => (delay << 8) | to;
const JMP_X_DEC = (to, delay = 0) => 0x0040 | (delay << 8) | to;
const PULL_BLOCK = 0x80a0;
const PULL_IFEMPTY = 0x80e0;
const PUSH = 0x8020;
const OUT_PINS_1 = 0x6001;
const OUT_X_8 = 0x6028;
const MOV_ISR_X = 0xa0c1;
const MOV_X_STATUS = 0xa025;
const WAIT_PIN_2_HIGH = 0x2082;

function fixed() {
  const mcu = fresh();
  fixPioFifo(mcu);
  fixPioExec(mcu);
  fixPio(mcu);
  return mcu;
}

/** A program on machine 0 with one set and out pin, GP0; the levels and times of its edges. */
function load(mcu, program, { divider = 125, shift = 3 << 18, side = 0 } = {}) {
  const edges = [];
  program.forEach((opcode, i) => poke(mcu, MEM + 4 * i, opcode));
  poke(mcu, CLKDIV, divider << 16);
  poke(mcu, EXECCTRL, (program.length - 1) << 12);
  poke(mcu, SHIFTCTRL, shift);
  poke(mcu, PINCTRL, (side << 29) | (1 << 26) | (1 << 20) | (side ? 1 << 10 : 0));
  for (const gpio of [0, 1]) {
    poke(mcu, 0x40014004 + 8 * gpio, PIO_FUNCTION);
  }
  mcu.pio[0].pinDirections = 3;
  mcu.pio[0].checkChangedPins();
  mcu.gpio[0].addListener((level) => edges.push([level, Math.round(mcu.clock.nanos)]));
  return edges;
}

test('stock rp2040js runs 1000 steps at once, whatever the time is', () => {
  const mcu = stock();
  const edges = load(mcu, [SET_PINS(1, 9), SET_PINS(0, 19)]);
  poke(mcu, CTRL, 1);
  assert.ok(edges.length > 500);
  assert.equal(edges.at(-1)[1], 0);
  mcu.pio[0].stop();
});

test('instructions and delays take ticks of the divided clock', () => {
  const mcu = fixed();
  const edges = load(mcu, [SET_PINS(1, 9), SET_PINS(0, 19)]);
  poke(mcu, CTRL, 1);
  pass(mcu, 100e3 - 1);
  const expected = [[1, 0], [0, 10e3], [1, 30e3], [0, 40e3], [1, 60e3], [0, 70e3], [1, 90e3]];
  assert.deepEqual(edges, expected);
  poke(mcu, CTRL, 0);
  pass(mcu, 1e6);
  assert.equal(edges.length, expected.length);
});

test('a delay loop is exact, cheap, and can be looked into', () => {
  const mcu = fixed();
  const program = [SET_PINS(1), SET_X(31), JMP_X_DEC(2, 1), SET_PINS(0), JMP(4)];
  const edges = load(mcu, program);
  let alarms = 0;
  const unlink = mcu.clock.unlink.bind(mcu.clock);
  mcu.clock.unlink = (alarm) => {
    alarms++;
    unlink(alarm);
  };
  poke(mcu, CTRL, 1);
  pass(mcu, 2e3 + 32 * 2e3 + 0.5e3);
  assert.deepEqual(edges, [[1, 0], [0, 66e3]]);
  assert.ok(alarms < 8, `${alarms} alarms`);
  const again = fixed();
  load(again, program);
  poke(again, CTRL, 1);
  pass(again, 2e3 + 10 * 2e3 + 0.5e3);
  poke(again, CTRL, 0);
  assert.equal(again.pio[0].machines[0].x, 31 - 11);
  poke(again, CTRL, 1);
  pass(again, 30e3);
  assert.equal(again.gpio[0].value, 1);
  pass(again, 20e3);
  assert.equal(again.gpio[0].value, 0);
});

test('a stalled machine sleeps, and goes on at a tick of its own clock', () => {
  const mcu = fixed();
  const edges = load(mcu, [PULL_BLOCK, OUT_PINS_1], { divider: 1250 });
  poke(mcu, CTRL, 1);
  pass(mcu, 23e3);
  assert.equal(mcu.clock.nextAlarm, null, 'nothing to do while it waits');
  poke(mcu, TXF0, 1);
  pass(mcu, 100e3);
  assert.deepEqual(edges, [[1, 40e3]]); // pulled at 30 us, out one tick later
});

test('a machine waits for a pin', () => {
  const mcu = fixed();
  mcu.gpio[2].padValue = 0x56;
  const edges = load(mcu, [WAIT_PIN_2_HIGH, SET_PINS(1), JMP(2)]);
  poke(mcu, CTRL, 1);
  pass(mcu, 7.5e3);
  mcu.gpio[2].setInputValue(true);
  pass(mcu, 10e3);
  assert.deepEqual(edges, [[1, 9e3]]);
});

test('side-set comes with its instruction, stalled or not', () => {
  const mcu = fixed();
  load(mcu, [PULL_BLOCK | 0x1000, OUT_PINS_1], { side: 1 });
  const side = [];
  mcu.gpio[1].addListener((level) => side.push([level, mcu.clock.nanos]));
  poke(mcu, CTRL, 1);
  pass(mcu, 5.5e3);
  poke(mcu, TXF0, 0);
  pass(mcu, 1e3);
  assert.deepEqual(side.slice(0, 2), [[1, 0], [0, 7e3]].slice(0, side.length));
  pass(mcu, 1e3);
  assert.deepEqual(side.slice(0, 2), [[1, 0], [0, 7e3]]);
});

test('mov x, status tells whether the FIFO holds less than N', () => {
  const mcu = fixed();
  load(mcu, [MOV_X_STATUS, MOV_ISR_X, PUSH, JMP(3)]);
  poke(mcu, EXECCTRL, (3 << 12) | 2);
  poke(mcu, TXF0, 1);
  poke(mcu, CTRL, 1);
  pass(mcu, 10e3);
  assert.equal(peek(mcu, RXF0), 0xffffffff);
  poke(mcu, CTRL, 0);
  poke(mcu, TXF0, 1);
  poke(mcu, INSTR, JMP(0));
  poke(mcu, CTRL, 1);
  pass(mcu, 10e3);
  assert.equal(peek(mcu, RXF0), 0);
});

test('a joined FIFO holds eight, an ordinary one four', () => {
  for (const [shift, depth] of [[3 << 18, 4], [(3 << 18) | (1 << 30), 8]]) {
    const mcu = fixed();
    load(mcu, [PULL_BLOCK], { shift });
    for (let i = 1; i <= depth; i++) {
      assert.equal(peek(mcu, FSTAT) & TX_FULL, 0);
      poke(mcu, TXF0, i);
    }
    assert.equal(peek(mcu, FSTAT) & TX_FULL, TX_FULL);
    assert.equal(peek(mcu, FLEVEL) & 0xf, depth);
  }
  const mcu = stock();
  load(mcu, [PULL_BLOCK], { shift: (3 << 18) | (1 << 30) });
  for (let i = 0; i < 5; i++) {
    poke(mcu, TXF0, i);
  }
  assert.equal(peek(mcu, FLEVEL) & 0xf, 4, 'stock rp2040js');
});

test('pull ifempty waits for the threshold without autopull too', () => {
  const mcu = fixed();
  load(mcu, [PULL_BLOCK, OUT_X_8, PULL_IFEMPTY, JMP(3)]);
  poke(mcu, TXF0, 0x1234);
  poke(mcu, TXF0, 0x5678);
  poke(mcu, CTRL, 1);
  pass(mcu, 10e3);
  assert.equal(peek(mcu, FLEVEL) & 0xf, 1);
});

test('an instruction from outside reaches the pads and leaves the program counter', () => {
  const mcu = fixed();
  const edges = load(mcu, [PULL_BLOCK, JMP(1)]);
  poke(mcu, INSTR, SET_PINS(1));
  assert.deepEqual(edges, [[1, 0]]);
  poke(mcu, INSTR, PULL_BLOCK);
  poke(mcu, TXF0, 1);
  assert.equal(peek(mcu, ADDR), 0);
  const before = stock();
  load(before, [PULL_BLOCK, JMP(1)]);
  poke(before, INSTR, PULL_BLOCK);
  poke(before, TXF0, 1);
  assert.equal(peek(before, ADDR), 1, 'stock rp2040js');
});

test('an instruction from outside frees a stalled machine', () => {
  const mcu = fixed();
  const edges = load(mcu, [PULL_BLOCK, SET_PINS(1), JMP(2)]);
  poke(mcu, CTRL, 1);
  pass(mcu, 5e3);
  poke(mcu, INSTR, JMP(1));
  pass(mcu, 5e3);
  assert.equal(edges.length, 1);
});
