// islet: a house that stands still, for measurements: steady phasors, contacts, a Modbus meter.
// GPL-3.0-or-later
//
// The scenarios of tools/twin judge behaviour; here a quantity is to change at a chosen nanosecond
// and nothing else, so the world is as small as it can be. The circuit board is the scenarios' own.

import { Meter } from './modbus.mjs';

const HORIZON_US = 100_000;
const CONTACT_US = 20_000; // a relay's contact follows its coil
const TAU = 2 * Math.PI;

/** What the pilot's high level is in each of the vehicle's states, V. */
export const PILOT_V = { A: 12, B: 9, C: 6, D: 3, E: 0 };

/** Three balanced phasors of this RMS, as the link carries them. */
export function threePhase(rms, lagRad = 0) {
  return Float64Array.from([0, 1, 2].flatMap((leg) => {
    const rad = (-TAU * leg) / 3 - lagRad;
    return [rms * Math.cos(rad), rms * Math.sin(rad)];
  }));
}

export class World {
  /** @param {import('../../../rp2040/house/board.mjs').Board} board the circuit board with its chip */
  constructor(board) {
    this.board = board;
    this.pico = board.pico;
    this.nowUs = 0;
    this.meter = new Meter();
    this.waiting = []; // edges and characters on their way
    this.logs = [];
    this.contacts = new Map();
    this.quantities = {
      gridHz: 50,
      houseHz: 50,
      evseA: threePhase(0),
      mainA: threePhase(8),
      gridV: threePhase(230),
      houseV: threePhase(230),
      pilotHighV: PILOT_V.A,
      pilotLowV: -12,
      ppOhm: 220,
    };
    this.angles = { grid: 0, house: 0, us: 0 };
    this.quiet();
  }

  /** The protective inputs in their quiet state, so that nothing trips at the start. */
  quiet() {
    for (const { name, pin } of this.board.wiring.inputs) {
      this.input(name, 0, pin);
    }
  }

  input(name, level, pin = this.pinOf(name)) {
    this.contacts.set(name, level);
    this.waiting.push({ kind: 'Edge', tUs: this.nowUs, pin, level });
  }

  pinOf(name) {
    const rows = [...this.board.wiring.inputs, ...this.board.wiring.outputs];
    const found = rows.find((row) => row.name === name);
    if (!found) {
      throw new Error(`${name}: not on this circuit board`);
    }
    return found.pin;
  }

  outputPin(name) {
    return this.board.wiring.outputs.find((row) => row.name === name).pin;
  }

  /** Change quantities from now on; the phases go on as they were. */
  set(changes) {
    const { gridHz, houseHz } = this.quantities;
    const seconds = (this.nowUs - this.angles.us) / 1e6;
    this.angles = {
      grid: (this.angles.grid + TAU * gridHz * seconds) % TAU,
      house: (this.angles.house + TAU * houseHz * seconds) % TAU,
      us: this.nowUs,
    };
    Object.assign(this.quantities, changes);
  }

  /** When L1 of the grid crosses zero next, ns; L1 is a cosine. */
  nextCrossingNanos() {
    const { gridHz } = this.quantities;
    const half = 0.5 / gridHz;
    const turned = this.angles.grid / (TAU * gridHz) + (this.nowUs - this.angles.us) / 1e6 + half / 2;
    return this.nowUs * 1000 + (Math.floor(turned / half + 1e-9) + 1 - turned / half) * half * 1e9;
  }

  wave(untilUs) {
    return {
      kind: 'Wave',
      t0Us: this.angles.us,
      t1Us: untilUs,
      gridRad: this.angles.grid,
      houseRad: this.angles.house,
      ...this.quantities,
    };
  }

  /** Let the world and its chip run to a whole microsecond. */
  runUntil(us, done = () => false) {
    while (this.nowUs < us && !done()) {
      const untilUs = Math.min(us, this.nowUs + HORIZON_US);
      const due = this.waiting.filter((item) => item.tUs <= untilUs);
      this.board.take({ untilUs, items: [this.wave(untilUs), ...due.map((item) => cut(item, untilUs))] });
      const message = this.board.run(untilUs);
      this.nowUs = message.us;
      this.waiting = this.waiting.map((item) => rest(item, this.nowUs)).filter((item) => item);
      for (const item of message.items) {
        this.take(item);
      }
    }
    return this.nowUs;
  }

  run(ms, done) {
    return this.runUntil(this.nowUs + Math.round(ms * 1000), done);
  }

  take(item) {
    switch (item.kind) {
      case 'Pins':
        this.coils(item);
        break;
      case 'UartTx':
        this.answer(item);
        break;
      case 'Log':
        this.logs.push(item.text);
        break;
      default:
    }
  }

  /** Contacts follow the coils, which the dead-man's pin feeds as well. */
  coils({ driven, level }) {
    const { wiring } = this.board;
    const held = wiring.dead_man?.holds ?? [];
    const alive = !wiring.dead_man || (driven & level & (2 ** wiring.dead_man.pin)) !== 0;
    for (const { name, pin } of wiring.outputs) {
      const on = (driven & level & (2 ** pin)) !== 0 && (alive || !held.includes(name));
      const contact = name === 'island' ? 'island_open' : name;
      const now = name === 'island' ? Number(!on) : Number(on);
      if (this.contacts.has(contact) && this.contacts.get(contact) !== now) {
        this.contacts.set(contact, now);
        const us = this.nowUs + CONTACT_US;
        this.waiting.push({ kind: 'Edge', tUs: us, pin: this.pinOf(contact), level: now });
      }
    }
  }

  answer({ uart, data }) {
    const reply = this.meter.answer(data);
    if (reply) {
      const charUs = Math.ceil(this.board.decoder.charNanos / 1000);
      const us = this.nowUs + 5000 + charUs;
      this.waiting.push({ kind: 'UartRx', uart, tUs: us, charUs, data: reply });
    }
  }
}

/** What of an announced item comes up to `untilUs`. */
function cut(item, untilUs) {
  if (item.kind !== 'UartRx') {
    return item;
  }
  const count = Math.floor((untilUs - item.tUs) / item.charUs) + 1;
  return { ...item, data: item.data.subarray(0, count) };
}

/** What is left of it at `nowUs`; null when nothing is. */
function rest(item, nowUs) {
  if (item.tUs > nowUs) {
    return item;
  }
  if (item.kind !== 'UartRx') {
    return null;
  }
  const gone = Math.floor((nowUs - item.tUs) / item.charUs) + 1;
  if (gone >= item.data.length) {
    return null;
  }
  return { ...item, tUs: item.tUs + gone * item.charUs, data: item.data.subarray(gone) };
}
