// islet: the networked image among peers that mean it ill: what it holds the loop for, what is left.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/network.mjs SETUP PROGRAM SECONDS [SCENE …]
//
// A line of JSON for each scene of scenes.mjs, or for those named: the worst of the loop, the guard and
// the heap, what clients got, and how long it took until page and broker were back. SECONDS of each, 0:
// as many as it says there. PROGRAM is device/network.py, or what runs it.

import { Rig } from './rig.mjs';
import { Peers } from './peers.mjs';
import { SCENES } from './scenes.mjs';
import { threePhase } from './world.mjs';

const MAGIC = [0x6e65, 0x7477, 0x6f72, 0x6b21];
const WORDS = { ask: 4, late: 5, control: 6, gap: 7, low: 8, free: 9 };
const ASK = { again: 1, collect: 2, alone: 3, count: 4, free: 5 };
const START_MS = 8000;
const MOST_MS = 70_000; // until all is back: the broker is tried again after 60 s at most
const SETTLE_MS = 1000;
const BLOCK_US = 10_000;
const IDLE_MS = 5_000; // in more, what is free would be used up and collected
const PREFIX = 'islet/bench';

class Bench {
  constructor(setup) {
    this.rig = Rig.fromFile(setup);
    const { ethernet } = this.rig.board;
    this.chip = ethernet.chip;
    this.lan = this.chip.lan;
    this.peers = new Peers(this.chip, PREFIX);
    this.lan.ends = this.peers;
    this.rig.calm();
    this.rig.world.set({ evseA: threePhase(10) });
  }

  run(ms, done = () => false) {
    return this.rig.world.run(ms, done);
  }

  get ms() {
    return this.rig.pico.nanos / 1e6;
  }

  start(program) {
    this.rig.start(program);
    const words = new Int32Array(this.rig.pico.ram.buffer);
    this.run(START_MS, () => this.listening() && this.peers.heardMs !== null);
    this.at = words.findIndex((_, i) => MAGIC.every((magic, n) => words[i + n] === magic));
    this.words = words;
    if (this.at < 0 || !this.listening()) {
      throw new Error(`it does not listen; the chip said ${this.rig.text.slice(-800)}`);
    }
  }

  listening() {
    return this.chip.sockets.filter(({ state }) => state === 0x14).length === 4;
  }

  word(name) {
    return this.words[this.at + WORDS[name]];
  }

  ask(what) {
    this.words[this.at + WORDS.ask] = ASK[what];
    this.run(200, () => this.word('ask') === 0);
  }

  /** How long until something is so, ms; null when it takes too long. */
  until(done) {
    const from = this.ms;
    this.run(MOST_MS, done);
    return done() ? this.ms - from : null;
  }

  measure({ name, begin, end, settleMs = SETTLE_MS }, ms) {
    const { peers, rig: { pico } } = this;
    this.run(settleMs);
    this.ask('again');
    peers.forget();
    const from = { busy: pico.busyNanos, all: pico.nanos, frames: this.chip.frames, told: peers.told };
    begin(this);
    this.run(ms);
    const all = pico.nanos - from.all;
    const row = {
      name, ms: all / 1e6, load: (pico.busyNanos - from.busy) / all, frames: this.chip.frames - from.frames,
      told: peers.told - from.told, answers: peers.answers, refused: peers.refused, broken: peers.broken,
    };
    peers.leave();
    if (end) {
      end(this);
      peers.forget();
      peers.browse(1, ['/api/state']);
      row.page_ms = this.until(() => peers.firstMs !== null);
      const left = this.until(() => peers.heardMs !== null);
      row.broker_ms = left === null ? null : row.page_ms + left;
      peers.leave();
    }
    Object.assign(row, {
      late_ms: this.word('late'), control_ms: this.word('control'), low: this.word('low'),
      guard_ms: Math.max(0, this.word('gap') - BLOCK_US) / 1000,
    });
    this.ask('collect');
    row.free = this.word('free');
    row.resets = pico.resets;
    return row;
  }
}

/** What the network's tasks take while nothing happens: with them, and once they have ended. */
function idle(bench, ms) {
  const { rig: { pico }, chip } = bench;
  const take = () => {
    bench.run(SETTLE_MS);
    bench.ask('count');
    const from = { busy: pico.busyNanos, all: pico.nanos, free: bench.word('free'), frames: chip.frames };
    bench.run(ms);
    const all = pico.nanos - from.all;
    const row = { load: (pico.busyNanos - from.busy) / all, frames: (chip.frames - from.frames) / all * 1e9 };
    bench.ask('free');
    return { ...row, bytes: from.free - bench.word('free') };
  };
  const there = take();
  bench.ask('alone');
  const gone = take();
  return { name: 'idle', ms, there, gone };
}

function main([setup, program, seconds, ...names]) {
  const bench = new Bench(setup);
  bench.start(program);
  const length = (ms) => Number(seconds) * 1000 || ms;
  for (const scene of SCENES) {
    if (!names.length || names.includes(scene.name)) {
      console.log(JSON.stringify(bench.measure(scene, length(scene.ms))));
    }
  }
  if (!names.length || names.includes('idle')) {
    bench.peers.become('good', false);
    console.log(JSON.stringify(idle(bench, length(IDLE_MS))));
  }
}

main(process.argv.slice(2));
