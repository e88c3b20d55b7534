// islet: the instructions of ARMv6-M: their bits, and what they do as text for the interpreter.
// GPL-3.0-or-later
//
// A row is [bits, name, action]. In the bits d, m, n, s and t are register numbers, h is the fourth
// bit of d, i an immediate. In the action Rd is that register and #i that number. The rest of its
// vocabulary is in interpreter.mjs:
//   r        the registers as Int32Array           ip     halfword index of the instruction
//   n z c v  flags: sign of n, z === 0, c, sign of v   cycles elapsed, one is added by the loop
// An action that does not fall through to the next instruction ends with `continue`. $code(index)
// and $data(address) mark what is read from the flash, for the model of its cache; without it they
// are nothing.
//
// Mended on the way, all found by comparing rp2040js with the ARMv6-M manual (A6.7) and the
// cycles in the Cortex-M0+ manual (table 3-1):
// - ADCS and SBCS set V wrongly when the carry turns the operand over (0x7fffffff + 0 + C);
// - LSLS, LSRS, ASRS and RORS by a register changed C for a count of 0, LSLS beyond 32 as well;
// - STMIA did not write its base back when the base is in the list;
// - PUSH with LR took N cycles and not 1 + N, POP with PC 2 + N and not 3 + N;
// - SEV did not set the event register.

const SP = 13;
const LR = 14;
const PC = 15;
const HERE = 'codeBase + 2 * ip + 4'; // what an instruction reads as PC

const add = (a, b, carry = '') => `
  const a = ${a}, b = ${b}, y = (a + b${carry}) | 0;
  c = ((a & b) | ((a | b) & ~y)) >>> 31;
  v = (a ^ y) & (b ^ y);
  n = z = y;`;

const subtract = (a, b) => `
  const a = ${a}, b = ${b}, y = (a - b) | 0;
  c = (a >>> 0) >= (b >>> 0) ? 1 : 0;
  v = (a ^ b) & (a ^ y);
  n = z = y;`;

/** Go on at an address in a variable, in whatever memory that is. */
const jump = (target) => `
  ip = (${target} - codeBase) >> 1;
  if (ip < 0 || ip >= code.length) {
    ip = fast.enter(${target} & ~1);
    ({ code, code32, codeBase } = fast);
  }
  continue;`;

/** Leave for what the interpreter does not do itself. */
const leave = (after, call) => `
  keep(fast, codeBase + 2 * ip + ${after}, n, z, c, v, start + cycles);
  ${call};
  return;`;

/** The cycle count must be right when a peripheral looks at the clock. */
const SYNC = `
  fast.cycles = start + cycles;
  r[${PC}] = codeBase + 2 * ip + 2;`;

const ALIGNED = { 8: '', 16: ' && (at & 1) === 0', 32: ' && (at & 3) === 0' };
const SHIFT = { 8: 0, 16: 1, 32: 2 };

/** Read memory at `address` into `into`; RAM and flash here, everything else in core.mjs. */
const load = (bits, address, into, extend = '') => `
  const at = (${address}) | 0;
  let value;
  if (((at - RAM) >>> 0) < ramSize${ALIGNED[bits]}) {
    value = ram${bits}[(at - RAM) >>> ${SHIFT[bits]}];
    cycles++;
  } else if (at >>> 26 === FLASH >>> 26${ALIGNED[bits]}) {
    value = flash${bits}[(at & FLASH_MASK) >>> ${SHIFT[bits]}];
    cycles++;
    $data(at);
  } else {
    ${SYNC}
    value = fast.read(at, ${bits / 8});
    cycles = (fast.cycles - start - 1) | 0;
    if (fast.limit === 0) limit = 0;
  }
  ${into} = value${extend};`;

const store = (bits, address, value) => `
  const at = (${address}) | 0;
  if (((at - RAM) >>> 0) < ramSize${ALIGNED[bits]}) {
    ram${bits}[(at - RAM) >>> ${SHIFT[bits]}] = ${value};
    cycles++;
  } else {
    ${SYNC}
    fast.write(at, ${value}, ${bits / 8});
    cycles = (fast.cycles - start - 1) | 0;
    if (fast.limit === 0) limit = 0;
  }`;

/** Registers of the list in `op`, upwards from r[base]; `address` ends behind the last. */
const multiple = (base, action) => `
  let address = r[${base}];
  fast.cycles = start + cycles;
  for (let i = 0, bits = op & 0xff; bits !== 0; i++) {
    if (bits & (1 << i)) {
      const at = (address - RAM) | 0;
      const inRam = at >>> 0 < ramSize && (at & 3) === 0;
      ${action}
      bits ^= 1 << i;
      address += 4;
      cycles++;
    }
  }`;
const FROM_MEMORY = `
      r[i] = inRam ? ram32[at >>> 2] : fast.word(address);
      $data(address);`;
const TO_MEMORY = 'if (inRam) ram32[at >>> 2] = r[i]; else fast.setWord(address, r[i]);';

const CONDITIONS = [
  ['EQ', 'z === 0'], ['NE', 'z !== 0'], ['CS', 'c !== 0'], ['CC', 'c === 0'],
  ['MI', 'n < 0'], ['PL', 'n >= 0'], ['VS', 'v < 0'], ['VC', 'v >= 0'],
  ['HI', 'c !== 0 && z !== 0'], ['LS', 'c === 0 || z === 0'],
  ['GE', '(n ^ v) >= 0'], ['LT', '(n ^ v) < 0'],
  ['GT', '(n ^ v) >= 0 && z !== 0'], ['LE', '(n ^ v) < 0 || z === 0'],
];

/** A shift by a register: `last` is the last bit shifted out of x, for counts of 1 and more. */
const shift = (result, last) => `
  const x = Rd, count = Rs & 0xff;
  if (count !== 0) c = ${last};
  Rd = n = z = ${result};`;

export const INSTRUCTIONS = [
  ['', 'rare', leave(0, 'fast.rare()')], // what has no row of its own is rp2040js' business

  ['00000iiiiimmmddd', 'LSLS Rd, Rm, #i', `
    const x = Rm;
    if (#i !== 0) c = (x >>> (32 - #i)) & 1;
    Rd = n = z = x << #i;`],
  ['00001iiiiimmmddd', 'LSRS Rd, Rm, #i', `
    const x = Rm; // 0 means 32
    c = (x >>> ((#i + 31) & 31)) & 1;
    Rd = n = z = #i === 0 ? 0 : (x >>> #i) | 0;`],
  ['00010iiiiimmmddd', 'ASRS Rd, Rm, #i', `
    const x = Rm; // 0 means 32
    c = (x >>> ((#i + 31) & 31)) & 1;
    Rd = n = z = x >> (#i === 0 ? 31 : #i);`],
  ['0001100mmmnnnddd', 'ADDS Rd, Rn, Rm', `${add('Rn', 'Rm')} Rd = y;`],
  ['0001101mmmnnnddd', 'SUBS Rd, Rn, Rm', `${subtract('Rn', 'Rm')} Rd = y;`],
  ['0001110iiinnnddd', 'ADDS Rd, Rn, #i', `${add('Rn', '#i')} Rd = y;`],
  ['0001111iiinnnddd', 'SUBS Rd, Rn, #i', `${subtract('Rn', '#i')} Rd = y;`],
  ['00100dddiiiiiiii', 'MOVS Rd, #i', 'Rd = n = z = #i;'],
  ['00101nnniiiiiiii', 'CMP Rn, #i', subtract('Rn', '#i')],
  ['00110dddiiiiiiii', 'ADDS Rd, #i', `${add('Rd', '#i')} Rd = y;`],
  ['00111dddiiiiiiii', 'SUBS Rd, #i', `${subtract('Rd', '#i')} Rd = y;`],

  ['0100000000mmmddd', 'ANDS Rd, Rm', 'Rd = n = z = Rd & Rm;'],
  ['0100000001mmmddd', 'EORS Rd, Rm', 'Rd = n = z = Rd ^ Rm;'],
  ['0100000010sssddd', 'LSLS Rd, Rs', shift('count > 31 ? 0 : x << count',
    'count > 32 ? 0 : (x >>> ((32 - count) & 31)) & 1')],
  ['0100000011sssddd', 'LSRS Rd, Rs', shift('count > 31 ? 0 : (x >>> count) | 0',
    'count > 32 ? 0 : (x >>> (count - 1)) & 1')],
  ['0100000100sssddd', 'ASRS Rd, Rs', shift('x >> (count > 31 ? 31 : count)',
    '(x >> (count > 32 ? 31 : count - 1)) & 1')],
  ['0100000101mmmddd', 'ADCS Rd, Rm', `${add('Rd', 'Rm', ' + c')} Rd = y;`],
  ['0100000110mmmddd', 'SBCS Rd, Rm', `
    const a = Rd, b = Rm, y = (a - b - 1 + c) | 0;
    c = ((a & ~b) | ((a | ~b) & ~y)) >>> 31;
    v = (a ^ b) & (a ^ y);
    Rd = n = z = y;`],
  ['0100000111sssddd', 'RORS Rd, Rs', shift('(x >>> (count & 31)) | (x << ((32 - count) & 31))',
    '(x >>> ((count - 1) & 31)) & 1')],
  ['0100001000mmmnnn', 'TST Rn, Rm', 'n = z = Rn & Rm;'],
  ['0100001001nnnddd', 'RSBS Rd, Rn, #0', `${subtract('0', 'Rn')} Rd = y;`],
  ['0100001010mmmnnn', 'CMP Rn, Rm', subtract('Rn', 'Rm')],
  ['0100001011mmmnnn', 'CMN Rn, Rm', add('Rn', 'Rm')],
  ['0100001100mmmddd', 'ORRS Rd, Rm', 'Rd = n = z = Rd | Rm;'],
  ['0100001101mmmddd', 'MULS Rd, Rm', 'Rd = n = z = Math.imul(Rd, Rm);'], // one cycle on RP2040
  ['0100001110mmmddd', 'BICS Rd, Rm', 'Rd = n = z = Rd & ~Rm;'],
  ['0100001111mmmddd', 'MVNS Rd, Rm', 'Rd = n = z = ~Rm;'],

  ['01000100hmmmmddd', 'ADD Rd, Rm (high)', `
    const y = ((#d === ${PC} ? ${HERE} : Rd) + (#m === ${PC} ? ${HERE} : Rm)) | 0;
    if (#d === ${PC}) { cycles += 2; ${jump('y')} }
    Rd = #d === ${SP} ? y & ~3 : y;`],
  ['01000101hmmmmddd', 'CMP Rd, Rm (high)', subtract('Rd', 'Rm')],
  ['01000110hmmmmddd', 'MOV Rd, Rm (high)', `
    const y = #m === ${PC} ? ${HERE} : Rm;
    if (#d === ${PC}) { cycles += 2; ${jump('y')} }
    Rd = #d === ${SP} ? y & ~3 : y;`],
  ['010001110mmmm000', 'BX Rm', `
    const target = Rm;
    cycles += 2;
    if (target >>> 28 === 15) { ${leave(2, 'fast.returnFrom(target)')} }
    ${jump('target')}`],
  ['010001111mmmm000', 'BLX Rm', `
    const target = Rm;
    cycles += 2;
    if ((target & 1) === 0) {
      fast.noThumb(target, codeBase + 2 * ip);
      ip++;
      continue;
    }
    r[${LR}] = (codeBase + 2 * ip + 2) | 1;
    ${jump('target')}`],

  ['01001tttiiiiiiii', 'LDR Rt, literal', `
    Rt = code32[((ip + 2) >> 1) + #i];
    cycles++;
    $code((((ip + 2) >> 1) + #i) << 1);`],
  ['0101000mmmnnnttt', 'STR Rt, [Rn, Rm]', store(32, 'Rn + Rm', 'Rt')],
  ['0101001mmmnnnttt', 'STRH Rt, [Rn, Rm]', store(16, 'Rn + Rm', 'Rt')],
  ['0101010mmmnnnttt', 'STRB Rt, [Rn, Rm]', store(8, 'Rn + Rm', 'Rt')],
  ['0101011mmmnnnttt', 'LDRSB Rt, [Rn, Rm]', load(8, 'Rn + Rm', 'Rt', ' << 24 >> 24')],
  ['0101100mmmnnnttt', 'LDR Rt, [Rn, Rm]', load(32, 'Rn + Rm', 'Rt')],
  ['0101101mmmnnnttt', 'LDRH Rt, [Rn, Rm]', load(16, 'Rn + Rm', 'Rt')],
  ['0101110mmmnnnttt', 'LDRB Rt, [Rn, Rm]', load(8, 'Rn + Rm', 'Rt')],
  ['0101111mmmnnnttt', 'LDRSH Rt, [Rn, Rm]', load(16, 'Rn + Rm', 'Rt', ' << 16 >> 16')],
  ['01100iiiiinnnttt', 'STR Rt, [Rn, #i]', store(32, 'Rn + (#i << 2)', 'Rt')],
  ['01101iiiiinnnttt', 'LDR Rt, [Rn, #i]', load(32, 'Rn + (#i << 2)', 'Rt')],
  ['01110iiiiinnnttt', 'STRB Rt, [Rn, #i]', store(8, 'Rn + #i', 'Rt')],
  ['01111iiiiinnnttt', 'LDRB Rt, [Rn, #i]', load(8, 'Rn + #i', 'Rt')],
  ['10000iiiiinnnttt', 'STRH Rt, [Rn, #i]', store(16, 'Rn + (#i << 1)', 'Rt')],
  ['10001iiiiinnnttt', 'LDRH Rt, [Rn, #i]', load(16, 'Rn + (#i << 1)', 'Rt')],
  ['10010tttiiiiiiii', 'STR Rt, [SP, #i]', store(32, `r[${SP}] + (#i << 2)`, 'Rt')],
  ['10011tttiiiiiiii', 'LDR Rt, [SP, #i]', load(32, `r[${SP}] + (#i << 2)`, 'Rt')],

  ['10100dddiiiiiiii', 'ADR Rd, #i', `Rd = ((${HERE}) & ~3) + (#i << 2);`],
  ['10101dddiiiiiiii', 'ADD Rd, SP, #i', `Rd = r[${SP}] + (#i << 2);`],
  ['101100000iiiiiii', 'ADD SP, #i', `r[${SP}] += #i << 2;`],
  ['101100001iiiiiii', 'SUB SP, #i', `r[${SP}] -= #i << 2;`],
  ['1011001000mmmddd', 'SXTH Rd, Rm', 'Rd = Rm << 16 >> 16;'],
  ['1011001001mmmddd', 'SXTB Rd, Rm', 'Rd = Rm << 24 >> 24;'],
  ['1011001010mmmddd', 'UXTH Rd, Rm', 'Rd = Rm & 0xffff;'],
  ['1011001011mmmddd', 'UXTB Rd, Rm', 'Rd = Rm & 0xff;'],
  ['1011101000mmmddd', 'REV Rd, Rm', `
    const x = Rm;
    Rd = (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);`],
  ['1011101001mmmddd', 'REV16 Rd, Rm', `
    const x = Rm;
    Rd = ((x & 0x00ff00ff) << 8) | ((x >>> 8) & 0x00ff00ff);`],
  ['1011101011mmmddd', 'REVSH Rd, Rm', 'const x = Rm; Rd = (x << 24 >> 16) | ((x >>> 8) & 0xff);'],

  ['1011010iiiiiiiii', 'PUSH', `
    let top = r[${SP}] - RAM;
    if (top >= 36 && top <= ramSize && (top & 3) === 0) {
      top >>= 2;
      if (op & 0x100) { ram32[--top] = r[${LR}]; cycles++; }
      for (let i = 7, bits = op & 0xff; bits !== 0; i--) {
        if (bits & (1 << i)) { bits ^= 1 << i; ram32[--top] = r[i]; cycles++; }
      }
      r[${SP}] = RAM + (top << 2);
    } else {
      fast.cycles = start + cycles;
      cycles += fast.push(op);
    }`],
  ['10111100iiiiiiii', 'POP', `${multiple(SP, FROM_MEMORY)} r[${SP}] = address;`],
  ['10111101iiiiiiii', 'POP with PC', `${multiple(SP, FROM_MEMORY)}
    const target = fast.word(address);
    r[${SP}] = address + 4;
    cycles += 4;
    if (target >>> 28 === 15) { ${leave(2, 'fast.returnFrom(target)')} }
    ${jump('target')}`],
  ['11000nnniiiiiiii', 'STMIA Rn!', `${multiple('#n', TO_MEMORY)}
    Rn = address;
    if (fast.limit === 0) limit = 0;`],
  ['11001nnniiiiiiii', 'LDMIA Rn!', `${multiple('#n', FROM_MEMORY)}
    if (!(op & (1 << #n))) Rn = address;
    if (fast.limit === 0) limit = 0;`],

  ['1011011001100010', 'CPSIE i', 'core.PM = false; core.interruptsUpdated = true; limit = 0;'],
  ['1011011001110010', 'CPSID i', 'core.PM = true;'],
  ['1011111100000000', 'NOP', ''],
  ['1011111100010000', 'YIELD', ''],
  ['1011111100100000', 'WFE', `
    cycles++;
    if (core.eventRegistered) {
      core.eventRegistered = false;
    } else {
      core.waiting = true;
      limit = 0;
    }`],
  ['1011111100110000', 'WFI', 'cycles++; core.waiting = true; limit = 0;'],
  ['1011111101000000', 'SEV', 'core.eventRegistered = true;'],

  ...CONDITIONS.map(([name, holds], code) => [
    `1101${code.toString(2).padStart(4, '0')}iiiiiiii`, `B${name}`,
    `if (${holds}) { ip += (op << 24 >> 24) + 1; cycles++; }`]),
  ['11100iiiiiiiiiii', 'B', 'ip += (op << 21 >> 21) + 1; cycles++;'],
  ['11110iiiiiiiiiii', '32 bits: BL, DMB, DSB, ISB', `
    $code(ip + 1);
    const op2 = code[ip + 1];
    if ((op2 & 0xd000) === 0xd000) {
      const sign = op << 21 >> 31;
      const i1 = ~((op2 >> 13) ^ sign) & 1;
      const i2 = ~((op2 >> 11) ^ sign) & 1;
      r[${LR}] = (codeBase + 2 * ip + 4) | 1;
      ip += 2 + ((sign << 23) | (i1 << 22) | (i2 << 21) | ((op & 0x3ff) << 11) | (op2 & 0x7ff));
      cycles += 3;
      continue;
    }
    if (op === 0xf3bf) {
      ip += 2;
      cycles += 3;
      continue;
    }
    ${leave(0, 'fast.rare()')}`],
];

/** The row in INSTRUCTIONS for each of the 65536 opcodes. */
export function decodeAll() {
  const kinds = new Uint8Array(65536);
  INSTRUCTIONS.forEach(([bits], row) => {
    const mask = Number.parseInt(bits.replace(/[01]/g, '1').replace(/[a-z]/g, '0') || '0', 2);
    const value = Number.parseInt(bits.replace(/[a-z]/g, '0') || '0', 2);
    for (let opcode = 0; opcode < 65536; opcode++) {
      if ((opcode & mask) === value) {
        kinds[opcode] = row;
      }
    }
  });
  return kinds;
}
