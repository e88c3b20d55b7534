// islet: register models of metering chips for Python: a command a line in, a line out where it
// has an answer.
// GPL-3.0-or-later

import fs from 'node:fs';
import { Atm90e32 } from '../../tools/rp2040/devices/atm90e32.mjs';

const chips = [];
const flips = []; // per chip: share of bits that come over wrong
let random = 1;
let idle = 0xff;

function wrongBits(share) {
  let bits = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    bits |= random < share * 2 ** 32 ? 1 << bit : 0;
  }
  return bits;
}

const COMMANDS = {
  build(_, build) {
    const chip = new Atm90e32(build);
    chips.push(chip);
    flips.push(0);
    chip.faults.flip = (_bytes, out) => (out ? wrongBits(flips[chips.indexOf(chip)]) : 0);
  },
  wave: (chip, wave) => chip.wave({ ...wave, t1Us: wave.t1Us ?? Infinity }),
  cs: (chip, [level, nanos]) => chip.select(level, nanos),
  // what nobody drives reads as ones, or as noughts where the line is held low
  spi: (chip, [nanos, each, bytes]) => bytes.map((b, n) => chip.transfer(b, nanos + (n + 1) * each)
    ?? idle),
  lowMiso: (_, low) => void (idle = low ? 0 : 0xff),
  fault: (chip, faults) => void Object.assign(chip.faults, faults),
  flips: (chip, share) => void (flips[chips.indexOf(chip)] = share),
  brownOut: (chip, nanos) => chip.brownOut(nanos),
  register: (chip, address) => chip.registers[address],
  lose(chip, [address, value]) {
    chip.registers[address] = value;
    chip.dsp.configure(chip.registers);
  },
  result: (chip, address) => chip.dsp.results.get(address) ?? 0,
  pair(chip, nanos) {
    chip.advance(nanos);
    return [0xb1, 0xc1].map((register) => chip.dsp.results.get(register) ?? 0);
  },
  windowEnd: (chip) => chip.dsp.windowNanos + 320e6,
  crossings: (chip, [from, to]) => chip.zeroCrossings(from, to),
  unlocked: (chip) => chip.unlocked,
  violations: (chip) => chip.violations,
};

let rest = '';
const chunk = Buffer.alloc(65536);
for (let n = read(); n > 0; n = read()) {
  const lines = (rest + chunk.toString('latin1', 0, n)).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const [name, chip, argument] = JSON.parse(line);
    const answer = COMMANDS[name](chips[chip], argument);
    if (answer !== undefined) {
      fs.writeSync(1, `${JSON.stringify(answer)}\n`);
    }
  }
}

function read() {
  try {
    return fs.readSync(0, chunk);
  } catch (error) {
    if (error.code === 'EAGAIN') {
      return read();
    }
    throw error;
  }
}
