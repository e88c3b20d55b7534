// islet: the loop over the instructions of a stretch without interrupts and alarms.
// GPL-3.0-or-later
//
// Its source is put together from the table in instructions.mjs, because only a switch with literal
// numbers becomes a jump, and only what stands in one function keeps the flags in the machine's own
// registers. To see it: node -e "import('./interpreter.mjs').then((m) => console.log(m.SOURCE))"

import { FLASH, FLASH_MASK, RAM } from './core.mjs';
import { INSTRUCTIONS, decodeAll } from './instructions.mjs';

/** The expression for a field of the opcode, by its letter. */
function field(bits, letter) {
  const low = 15 - bits.lastIndexOf(letter);
  const width = bits.lastIndexOf(letter) - bits.indexOf(letter) + 1;
  const mask = (1 << width) - 1;
  const plain = low ? `((op >> ${low}) & ${mask})` : `(op & ${mask})`;
  return letter === 'd' && bits.includes('h') ? `(((op >> 4) & 8) | ${plain})` : plain;
}

/** An action with its letters replaced by what they stand for. */
function spell([bits, name, action], row) {
  const text = action
    .replace(/\bR([dmnst])\b/g, (_, letter) => `r[${field(bits, letter)}]`)
    .replace(/#([dimn])/g, (_, letter) => field(bits, letter));
  return `case ${row}: { // ${name}\n${text}\nbreak;\n}`;
}

/**
 * With the model of the flash's cache: an instruction's word, once for both of its halves; a word of
 * code by the index of a halfword in it; data by its address.
 */
const CACHED = {
  fetch: `if (ip >> 1 !== word && codeBase === FLASH) {
      word = ip >> 1;
      cycles += cache.access(word << 2);
    }`,
  code: (index) => `if (codeBase === FLASH) cycles += cache.access((${index}) << 1);`,
  data: (at) => `if (${at} >>> 26 === FLASH >>> 26) cycles += cache.access(${at});`,
};
const PLAIN = { fetch: '', code: () => '', data: () => '' };

const marked = (text, { fetch, code, data }) => text
  .replace('$fetch', fetch)
  .replace(/\$(code|data)\((.*)\);/g, (_, kind, what) => (kind === 'code' ? code : data)(what));

const TEXT = `
const PC = 15;
function interpret(fast) {
  const { core, registers: r, ram8, ram16, ram32, flash8, flash16, flash32, cache } = fast;
  const ramSize = ram8.length;
  const start = fast.cycles;
  let n = core.N ? -1 : 0;
  let z = core.Z ? 0 : 1;
  let c = core.C ? 1 : 0;
  let v = core.V ? -1 : 0;
  let ip = fast.enter(r[PC] & ~1);
  let { code, code32, codeBase } = fast;
  let cycles = 0;
  let word = -1; // the last that was fetched, for the cache
  let limit = Math.ceil(Math.min(fast.limit - start, 1e9)) | 0;
  while (cycles < limit) {
    $fetch
    const op = code[ip];
    switch (kinds[op]) {
      ${INSTRUCTIONS.map(spell).slice(1).join('\n')}
      default: { ${INSTRUCTIONS[0][2]} }
    }
    ip++;
    cycles++;
  }
  keep(fast, codeBase + 2 * ip, n, z, c, v, start + cycles);
}
/** Put the local state back where the rest of the chip finds it. */
function keep(fast, pc, n, z, c, v, cycles) {
  const { core } = fast;
  fast.registers[PC] = pc;
  core.N = n < 0;
  core.Z = z === 0;
  core.C = c !== 0;
  core.V = v < 0;
  fast.cycles = cycles;
}
return interpret;
//# sourceURL=interpreter`;

const made = (source) => new Function('kinds', 'RAM', 'FLASH', 'FLASH_MASK', source)(
  decodeAll(), RAM, FLASH, FLASH_MASK,
);

/** The interpreter's source. */
export const SOURCE = marked(TEXT, PLAIN);

/** Execute until fast.cycles >= fast.limit; a peripheral may end it by setting the limit to 0. */
export const interpret = made(SOURCE);

/** The same, every access to the flash through fast.cache. */
export const interpretCached = made(marked(TEXT, CACHED));
