// islet: interrupts of the core, and sleep.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Engine } from '../../tools/rp2040/engine.mjs';
import { fresh, poke, stock } from './support.mjs';

const RAM = 0x20000000;
const MAIN = RAM + 0x1000;
const HANDLER = RAM + 0x1100;
const STACK = RAM + 0x3000;
const TIMER_IRQ = 0;
const UART_IRQ = 20;
const VTOR = 0xe000ed08;
const ISER = 0xe000e100;
const IPR0 = 0xe000e400;
const IPR5 = 0xe000e414;
const CYCLE = 8;

const NOP = 0xbf00;
const WFI = 0xbf30;
const WFE = 0xbf20;
const SEV = 0xbf40;
const CPSID = 0xb672;
const CPSIE = 0xb662;
const BX_LR = 0x4770;
const ADDS_R0_1 = 0x3001;
const ADDS_R1_1 = 0x3101;
const B_SELF = 0xe7fe;

/** A core with `main` and one handler for all interrupts. */
function machine(main, handler, make = fresh) {
  const mcu = make();
  const put = (at, code) => code.forEach((opcode, i) => {
    mcu.sramView.setUint16(at - RAM + 2 * i, opcode, true);
  });
  put(MAIN, main);
  put(HANDLER, handler);
  for (let i = 0; i < 48; i++) {
    mcu.sramView.setUint32(4 * i, HANDLER | 1, true);
  }
  const engine = make === fresh ? new Engine(mcu) : null;
  poke(mcu, VTOR, RAM);
  mcu.core.SP = STACK;
  mcu.core.PC = MAIN;
  mcu.core.registers.fill(0, 0, 8);
  poke(mcu, ISER, 0xffffffff);
  return { mcu, engine, core: mcu.core };
}

test('an interrupt costs fifteen cycles to its handler and ten back', () => {
  const { mcu, engine, core } = machine([...Array(20).fill(NOP), B_SELF], [ADDS_R0_1, BX_LR]);
  mcu.setInterrupt(TIMER_IRQ, true);
  engine.run(15.5 * CYCLE);
  assert.equal(core.registers[0], 1);
  assert.equal(core.IPSR, 16);
  mcu.setInterrupt(TIMER_IRQ, false);
  engine.run(18 * CYCLE);
  assert.equal(core.IPSR, 0);
  assert.equal(engine.fast.cycles, 15 + 1 + 2 + 10);
  assert.equal(core.PC, MAIN);
});

test('a more urgent interrupt comes first and interrupts a handler, an equal one waits', () => {
  const { mcu, engine, core } = machine([B_SELF], [ADDS_R0_1, ADDS_R1_1, B_SELF]);
  poke(mcu, IPR5, 0x40); // UART0: one level below
  mcu.setInterrupt(UART_IRQ, true);
  engine.run(20 * CYCLE);
  assert.equal(core.IPSR, 16 + UART_IRQ);
  mcu.setInterrupt(TIMER_IRQ, true);
  engine.run(60 * CYCLE);
  assert.equal(core.IPSR, 16 + TIMER_IRQ);
  assert.equal(core.registers[0], 2);
  poke(mcu, IPR0, 0x4000); // irq 1 as urgent as UART0: it may not interrupt irq 0
  mcu.setInterrupt(1, true);
  engine.run(100 * CYCLE);
  assert.equal(core.IPSR, 16 + TIMER_IRQ);
});

test('WFI sleeps until an interrupt, and sleeping is counted', () => {
  const { mcu, engine, core } = machine([WFI, ADDS_R1_1, B_SELF], [ADDS_R0_1, BX_LR]);
  mcu.clock.createAlarm(() => mcu.setInterrupt(TIMER_IRQ, true)).schedule(1e6);
  engine.run(1e6 + 15.5 * CYCLE);
  assert.equal(core.registers[0], 1);
  assert.equal(engine.idleNanos, 1e6 - 2 * CYCLE);
});

test('with PRIMASK set WFI wakes, and the handler waits for CPSIE', () => {
  const main = [CPSID, WFI, ADDS_R1_1, CPSIE, NOP, B_SELF];
  const { mcu, engine, core } = machine(main, [ADDS_R0_1, B_SELF]);
  mcu.clock.createAlarm(() => mcu.setInterrupt(TIMER_IRQ, true)).schedule(1000);
  engine.run(1000 + 1.5 * CYCLE);
  assert.deepEqual([core.registers[0], core.registers[1]], [0, 1]);
  engine.run(2000);
  assert.deepEqual([core.registers[0], core.registers[1]], [1, 1]);
  const before = machine(main, [ADDS_R0_1, B_SELF], stock);
  for (let i = 0; i < 2; i++) {
    before.core.executeInstruction();
  }
  before.mcu.setInterrupt(TIMER_IRQ, true);
  before.core.executeInstruction();
  assert.equal(before.core.registers[0], 1, 'stock rp2040js runs the handler');
});

test('SEV lets the next WFE pass', () => {
  const { engine, core } = machine([SEV, WFE, ADDS_R0_1, WFE, ADDS_R0_1], []);
  engine.run(1e6);
  assert.equal(core.registers[0], 1);
  assert.ok(core.waiting);
});

test('a peripheral\'s callback can end the run after the present instruction', () => {
  const { mcu, engine, core } = machine([ADDS_R0_1, 0xe7fd], []);
  mcu.clock.createAlarm(() => engine.interrupt()).schedule(100 * CYCLE);
  engine.run(1e9);
  assert.ok(Math.abs(mcu.clock.nanos - 100 * CYCLE) <= 2 * CYCLE);
  assert.ok(core.registers[0] > 30);
});

test('a change of the clock changes how long a cycle is', () => {
  const { mcu, engine } = machine([ADDS_R0_1, 0xe7fd], []);
  engine.run(125 * CYCLE);
  const before = engine.core.registers[0];
  mcu.clkSys = 62.5e6;
  engine.clockChanged();
  engine.run(250 * CYCLE);
  const after = engine.core.registers[0] - before;
  assert.ok(Math.abs(after / before - 0.5) < 0.05, `${before} ${after}`);
});
