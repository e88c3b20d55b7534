// islet: the run loop: stretches of instructions between the clock's alarms, and sleep.
// GPL-3.0-or-later

import { FastCore } from './core.mjs';
import { Exceptions } from './exceptions.mjs';
import { interpret, interpretCached } from './interpreter.mjs';

// The loop is left now and then so that V8 enters its optimised code at the top.
const STRETCH = 100000;

/** Runs the core from alarm to alarm and counts how long it sleeps. */
export class Engine {
  /** `cache`: a FlashCache, or null for a flash that answers at once. */
  constructor(mcu, cache = null) {
    this.mcu = mcu;
    this.clock = mcu.clock;
    this.core = mcu.core;
    this.fast = new FastCore(mcu);
    this.fast.cache = cache;
    this.interpret = cache === null ? interpret : interpretCached;
    cache?.attach(mcu);
    this.exceptions = new Exceptions(this.fast);
    this.idleNanos = 0;
    this.interrupted = false;
    this.baseNanos = 0; // the time of fast.cycles === 0
    this.cycleNanos = 1e9 / mcu.clkSys;
    this.fast.onAccess = () => {
      this.clock.nanosCounter = this.baseNanos + this.fast.cycles * this.cycleNanos;
    };
    this.fast.rare = () => this.rare();
    mcu.addClockListener(() => this.clockChanged());
  }

  /** Make run() return after the present instruction. */
  interrupt() {
    this.interrupted = true;
    this.clock.changed = true;
  }

  /** Cycles have another length from now on. */
  clockChanged() {
    this.baseNanos = this.clock.nanosCounter;
    this.fast.cycles = 0;
    this.cycleNanos = 1e9 / this.mcu.clkSys;
    this.clock.changed = true;
  }

  /** An instruction that only rp2040js knows. */
  rare() {
    this.fast.onAccess();
    this.fast.cycles += this.core.executeInstruction();
  }

  /** Up to fast.limit, or until something disturbs. */
  step() {
    this.interpret(this.fast);
  }

  /** Run until the chip's time since its reset is `untilNanos`, or until interrupt(). */
  run(untilNanos) {
    const { clock, core, fast } = this;
    this.interrupted = false;
    while (clock.nanosCounter < untilNanos && !this.interrupted) {
      if (core.interruptsUpdated) {
        this.exceptions.take();
      }
      const alarm = clock.nextAlarm;
      const until = alarm === null ? untilNanos : Math.min(alarm.nanos, untilNanos);
      if (core.waiting) {
        this.sleep(until);
        continue;
      }
      clock.changed = false;
      const due = (until - this.baseNanos) / this.cycleNanos;
      fast.limit = Math.min(due, fast.cycles + STRETCH);
      this.step();
      clock.advanceTo(this.baseNanos + fast.cycles * this.cycleNanos);
    }
  }

  /** Nothing happens until `until`; the core goes on at the next edge of its clock. */
  sleep(until) {
    const { clock, fast } = this;
    const from = clock.nanosCounter;
    clock.advanceTo(until);
    const cycles = Math.ceil((until - this.baseNanos) / this.cycleNanos - 1e-6);
    if (cycles > fast.cycles) {
      fast.cycles = cycles;
    }
    this.idleNanos += Math.max(0, until - from);
  }
}
