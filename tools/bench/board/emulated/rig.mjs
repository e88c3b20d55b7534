// islet: a measurement's rig: the emulated board, a house that stands still, a program on the chip.
// GPL-3.0-or-later
//
// The setup file is tools/bench/board's: the flash holds the image, /site.json, the mark that leaves
// the board at its prompt, and the program to be measured, which is started by `import`.

import { readFileSync } from 'node:fs';

import { Board } from '../../../rp2040/house/board.mjs';
import { PILOT_V, World } from './world.mjs';

const PROMPT_MS = 5000;
const START_MS = 8000;
const RAM = 0x20000000;
const STACKS = 0x20040000; // the C stack ends here from above, Python's frames from below

export class Rig {
  /** @param {object} setup as for Board, with `fields`: name -> [section, index] of the image */
  constructor(setup) {
    this.fields = setup.fields;
    this.text = '';
    this.board = new Board(setup, (text) => {
      this.text += text;
    });
    this.pico = this.board.pico;
    this.noise = new Int32Array(this.pico.ram.slice().buffer); // what power-up leaves in the RAM
    this.world = new World(this.board);
    this.seed = setup.seed;
    this.roll();
  }

  /** Random numbers from their beginning. */
  roll() {
    this.random = dice(this.seed);
  }

  static fromFile(path, changes = {}) {
    return new Rig({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes });
  }

  /** Boot to the prompt and start a program; until it prints `running`. */
  start(module) {
    this.await('>>> ', PROMPT_MS);
    this.text = '';
    this.pico.type(`import ${module}\r`);
    this.await('running', START_MS);
  }

  /** Boot as delivered, until control runs. */
  deliver() {
    this.world.run(START_MS, () => this.board.beacon.steps > 0);
    if (this.board.beacon.steps === 0) {
      throw new Error(`control does not run; the chip said ${this.text.slice(-800)}`);
    }
  }

  await(text, ms) {
    this.world.run(ms, () => this.text.includes(text));
    if (!this.text.includes(text)) {
      throw new Error(`the chip did not say ${text} in ${ms} ms; it said ${this.text.slice(-800)}`);
    }
  }

  /** A field of the process image, as the chip has it in memory now. */
  field(name, index = 0) {
    const [section, first] = this.fields[name];
    const { beacon } = this.board;
    if (beacon.at < 0) {
      throw new Error('the firmware has not recorded a control step yet');
    }
    const [address] = beacon.section(beacon.at, section);
    return this.pico.ramView.getInt32(address - RAM + 4 * (first + index), true);
  }

  /** Bytes at the ends of the C stack and of Python's frames that nobody has written to yet. */
  spare() {
    const now = new Int32Array(this.pico.ram.buffer, this.pico.ram.byteOffset);
    const end = (STACKS - RAM) / 4;
    let above = end;
    let below = end;
    while (now[above] === this.noise[above]) {
      above += 1;
    }
    while (now[below - 1] === this.noise[below - 1]) {
      below -= 1;
    }
    return { stack: 4 * (above - end), frames: 4 * (end - below) };
  }

  /** When the output next takes this level, in ns of the world; null if not within `ms`. */
  edge(name, level, ms) {
    let at = null;
    const forget = this.pico.onPin(this.world.outputPin(name), (now, nanos) => {
      if (now === level && at === null) {
        at = nanos;
      }
    });
    this.world.run(ms, () => at !== null);
    forget();
    return at;
  }

  level(name) {
    return this.pico.pin(this.world.outputPin(name));
  }

  /** Charging as if for ever: state C, nothing wrong. */
  calm() {
    this.world.set({ pilotHighV: PILOT_V.C, evseA: this.world.quantities.evseA });
  }

  /** A whole number from `low` to `high`, the same in every run. */
  between(low, high) {
    return low + Math.floor(this.random() * (high - low + 1));
  }
}

/** Mulberry32: small, and good enough to spread phases. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
