// islet: the fast core against rp2040js' own, and against arithmetic where that is wrong.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeAll, INSTRUCTIONS } from '../../tools/rp2040/instructions.mjs';
import { Engine } from '../../tools/rp2040/engine.mjs';
import { fresh, stock } from './support.mjs';

const RAM = 0x20000000;
const CODE = RAM + 0x1000;
const STACK = RAM + 0x3000;
const DATA = RAM + 0x2000;
const kinds = decodeAll();
const row = (name) => INSTRUCTIONS.findIndex(([, title]) => title.startsWith(name));

let state = 12345;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

/** Values that are likely to matter. */
const EDGES = [0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 255, 256];
const operand = () => (random() & 1 ? random() : EDGES[random() % EDGES.length]);

const fast = fresh();
const engine = new Engine(fast);
const slow = stock();

/** One instruction on both; what is different. */
function compare(opcode, opcode2, registers, flags) {
  for (const mcu of [fast, slow]) {
    mcu.sramView.setUint16(0x1000, opcode, true);
    mcu.sramView.setUint16(0x1002, opcode2, true);
    for (let at = 0x1f00; at < 0x3100; at += 4) {
      mcu.sramView.setUint32(at, (at * 0x9e3779b1) >>> 0, true);
    }
    mcu.core.registers.set(registers);
    mcu.core.APSR = flags;
  }
  engine.fast.cycles = 0;
  engine.fast.limit = 1;
  engine.step();
  const cycles = slow.core.executeInstruction();
  const difference = [];
  slow.core.registers.forEach((value, i) => {
    if (value !== fast.core.registers[i]) {
      difference.push(`r${i} ${value.toString(16)} ${fast.core.registers[i].toString(16)}`);
    }
  });
  if ((slow.core.APSR >>> 0) !== (fast.core.APSR >>> 0)) {
    difference.push(`flags ${slow.core.APSR >>> 28} ${fast.core.APSR >>> 28}`);
  }
  if (cycles !== engine.fast.cycles) {
    difference.push(`cycles ${cycles} ${engine.fast.cycles}`);
  }
  for (let at = 0x1f00; at < 0x3100; at += 4) {
    if (slow.sramView.getUint32(at) !== fast.sramView.getUint32(at)) {
      difference.push(`memory at ${at.toString(16)}`);
    }
  }
  return difference;
}

/** Registers for an opcode: addresses where it needs some, so that it stays in RAM. */
function registersFor(kind) {
  const registers = new Uint32Array(16).map(() => operand());
  const name = INSTRUCTIONS[kind][1];
  if (/^(LDR|STR|STM|LDM)/.test(name)) {
    registers.fill(DATA, 0, 8);
    if (name.includes(', Rm]')) {
      registers.forEach((_, i) => {
        registers[i] = i & 1 ? DATA / 2 + 64 : DATA / 2;
      });
    }
  }
  registers[13] = STACK;
  registers[14] = CODE | 1;
  registers[15] = CODE;
  return registers;
}

// What is mended here, and left to BX and the like, which need a target.
const MENDED = ['ADCS', 'SBCS', 'LSLS Rd, Rs', 'LSRS Rd, Rs', 'ASRS Rd, Rs', 'RORS', 'PUSH',
  'POP with PC', 'STMIA', 'BX', 'BLX', 'WFE', 'WFI', 'SEV', 'rare', 'CPSIE', 'CPSID',
  '32 bits'].map(row);

test('the table gives each opcode to one instruction', () => {
  const count = (name) => kinds.filter((kind) => kind === row(name)).length;
  assert.deepEqual([count('LSLS Rd'), count('POP'), count('BEQ'), count('BX'), count('CPSID')],
    [2048, 256, 256, 16, 1]);
  assert.equal(kinds[0xdf00], 0, 'SVC is left to rp2040js');
  assert.equal(kinds[0xde00], 0, 'UDF as well');
});

test('all other instructions do what rp2040js does, in as many cycles', () => {
  let compared = 0;
  for (let i = 0; i < 60000; i++) {
    const opcode = random() & 0xffff;
    const kind = kinds[opcode];
    const usesPc = kind === row('CMP Rd, Rm (high)') && ((opcode & 0x87) === 0x87
      || (opcode & 0x78) === 0x78); // deprecated, and nobody's business
    if (MENDED.includes(kind) || usesPc) {
      continue;
    }
    const flags = (random() & 0xf) * 2 ** 28;
    const registers = registersFor(kind);
    const difference = compare(opcode, random() & 0xffff, registers, flags);
    assert.deepEqual(difference, [], `${INSTRUCTIONS[kind][1]} ${opcode.toString(16)} `
      + `${[...registers].map((value) => value.toString(16))} ${flags / 2 ** 28}`);
    compared++;
  }
  assert.ok(compared > 40000);
});

test('BL reaches both ways', () => {
  for (const [first, second] of [[0xf000, 0xf802], [0xf7ff, 0xfffe], [0xf0ff, 0xf800],
    [0xf400, 0xd000]]) {
    assert.deepEqual(compare(first, second, registersFor(0), 0), []);
  }
});

/** Run one data instruction on the fast core; [result, N, Z, C, V]. */
function run(opcode, a, b, carry) {
  const registers = registersFor(0);
  registers[0] = a;
  registers[1] = b;
  compare(opcode, 0, registers, carry ? 0x20000000 : 0);
  const { core } = fast;
  return [core.registers[0], core.N, core.Z, core.C, core.V];
}

const signed = (value) => BigInt.asIntN(32, value);
const flagsOf = (result) => [(result & 0x80000000) !== 0, result === 0];

test('ADCS and SBCS, with all four flags', () => {
  for (let i = 0; i < 4000; i++) {
    const [a, b, c] = [operand(), operand(), random() & 1];
    const [x, y] = [BigInt(a), BigInt(b)];
    const sum = x + y + BigInt(c);
    const total = Number(BigInt.asUintN(32, sum));
    const signedSum = signed(x) + signed(y) + BigInt(c);
    assert.deepEqual(run(0x4148, a, b, c), [total, ...flagsOf(total), sum > 0xffffffffn,
      signed(signedSum) !== signedSum], `${a} + ${b} + ${c}`);
    const difference = x - y - 1n + BigInt(c);
    const rest = Number(BigInt.asUintN(32, difference));
    const signedRest = signed(x) - signed(y) - 1n + BigInt(c);
    assert.deepEqual(run(0x4188, a, b, c), [rest, ...flagsOf(rest), difference >= 0n,
      signed(signedRest) !== signedRest], `${a} - ${b} - !${c}`);
  }
  const registers = registersFor(0);
  registers.set([0x7fffffff, 0]);
  const before = compare(0x4148, 0, registers, 0x20000000);
  assert.deepEqual(before, ['flags 8 9'], 'stock rp2040js misses an overflow');
});

test('shifts by a register, by any count', () => {
  const bit = (value, at) => ((value >>> at) & 1) !== 0;
  for (const a of [0x80000001, 0x7ffffffe, 0xdeadbeef, 0]) {
    for (const count of [0, 1, 2, 31, 32, 33, 64, 255, 256]) {
      for (const c of [0, 1]) {
        const n = count & 0xff;
        const x = BigInt(a);
        const old = c === 1;
        const left = Number(BigInt.asUintN(32, x << BigInt(n)));
        const right = Number(x >> BigInt(n));
        const arithmetic = Number(BigInt.asUintN(32, signed(x) >> BigInt(n)));
        const turn = n & 31;
        const turned = ((a >>> turn) | (a << ((32 - turn) & 31))) >>> 0;
        const carry = {
          left: n === 0 ? old : n <= 32 && bit(a, 32 - n === 32 ? 0 : 32 - n),
          right: n === 0 ? old : n <= 32 && bit(a, n - 1),
          arithmetic: n === 0 ? old : bit(a, Math.min(n - 1, 31)),
          turned: n === 0 ? old : bit(turned, 31),
        };
        const text = `${a.toString(16)} by ${count}`;
        const want = (value, flag) => [value, ...flagsOf(value), flag, false];
        assert.deepEqual(run(0x4088, a, count, c), want(left, carry.left), `LSLS ${text}`);
        assert.deepEqual(run(0x40c8, a, count, c), want(right, carry.right), `LSRS ${text}`);
        assert.deepEqual(run(0x4108, a, count, c), want(arithmetic, carry.arithmetic),
          `ASRS ${text}`);
        assert.deepEqual(run(0x41c8, a, count, c), want(turned, carry.turned), `RORS ${text}`);
      }
    }
  }
});

test('PUSH and POP take a cycle a word, one more for PUSH, three for a return', () => {
  assert.deepEqual(compare(0xb530, 0, registersFor(0), 0), ['cycles 3 4']); // {r4, r5, lr}
  assert.deepEqual(compare(0xb430, 0, registersFor(0), 0), []); // {r4, r5}
  assert.deepEqual(compare(0xbc30, 0, registersFor(0), 0), []); // {r4, r5}
  const difference = compare(0xbd30, 0, registersFor(0), 0); // {r4, r5, pc}
  assert.deepEqual(difference.filter((text) => text.startsWith('cycles')), ['cycles 5 6']);
});

test('STMIA writes its base back even when that is in the list', () => {
  const registers = registersFor(0);
  registers[0] = DATA;
  const difference = compare(0xc003, 0, registers, 0); // stmia r0!, {r0, r1}
  assert.deepEqual(difference, [`r0 ${DATA.toString(16)} ${(DATA + 8).toString(16)}`]);
});

test('a store to flash does nothing, one to a peripheral reaches it', () => {
  const heard = [];
  fast.logger = { error: (_, text) => heard.push(text), warn() {}, info() {}, debug() {} };
  const registers = registersFor(0);
  registers[0] = 0x10000100;
  compare(0x6001, 0, registers, 0);
  assert.equal(fast.flash[0x100], 0xff);
  assert.match(heard[0], /write to flash/);
  registers[0] = 0x4005800c;
  registers[1] = 0x1234;
  compare(0x6001, 0, registers, 0);
  assert.equal(fast.peripherals[0x40058].scratchData[0], 0x1234);
});
