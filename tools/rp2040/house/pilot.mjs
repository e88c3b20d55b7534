// islet: the control pilot between the PWM pin and the car: its voltage, and what a car measures.
// GPL-3.0-or-later

const EDGE_NANOS = 2000; // the driver's slew from one level to the other
const STEADY_NANOS = 2e6; // no edge for two periods: not a PWM
const PERIODS = 2; // a changed duty is told when it has come twice
const DUTY_STEP = 0.0005; // smaller changes are nobody's business

/** The pilot driver: ±12 V as the pin says, with its slew. */
export class PilotDriver {
  constructor() {
    this.level = 0;
    this.edgeNanos = -Infinity;
    this.before = 0; // 0 low … 1 high when the last edge began
  }

  /** The pin takes a level. */
  drive(level, nanos) {
    if (level !== this.level) {
      this.before = this.share(nanos);
      this.level = level;
      this.edgeNanos = nanos;
    }
  }

  /** How far up the pilot is at an instant: 0 low … 1 high. */
  share(nanos) {
    const way = (nanos - this.edgeNanos) / EDGE_NANOS;
    return this.level ? Math.min(1, this.before + way) : Math.max(0, this.before - way);
  }

  /** Voltage at the vehicle connector while a stretch of the house holds. */
  volts(nanos, { pilotHighV, pilotLowV }) {
    return pilotLowV + (pilotHighV - pilotLowV) * this.share(nanos);
  }
}

/**
 * Frequency and duty from the edges of the pin, as a car takes them. `tell(freqHz, duty)` is called
 * when they have changed; a steady level is duty 0 or 1 at the nominal frequency.
 */
export class DutyMeter {
  constructor(nominalHz, tell) {
    this.nominalHz = nominalHz;
    this.tell = tell;
    this.reset();
  }

  /** Forget everything: the pin floats. */
  reset() {
    this.level = null;
    this.riseNanos = this.fallNanos = null;
    this.edgeNanos = 0;
    this.told = { freqHz: 0, duty: -1 };
    this.last = null;
    this.same = 0;
  }

  /** The pin takes a level. */
  edge(level, nanos) {
    if (level === this.level) {
      return;
    }
    this.level = level;
    this.edgeNanos = nanos;
    if (!level) {
      this.fallNanos = nanos;
      return;
    }
    if (this.riseNanos !== null && this.fallNanos !== null && this.fallNanos > this.riseNanos) {
      const period = nanos - this.riseNanos;
      this.offer(Math.round(1e9 / period), (this.fallNanos - this.riseNanos) / period);
    }
    this.riseNanos = nanos;
  }

  /** When check() has to be called at the latest; null while nothing is driven. */
  get dueNanos() {
    return this.level === null || this.steady ? null : this.edgeNanos + STEADY_NANOS;
  }

  get steady() {
    return this.told.duty === this.level && this.told.freqHz === this.nominalHz;
  }

  /** Look whether the level has become a steady one. */
  check(nanos) {
    if (this.level !== null && nanos - this.edgeNanos >= STEADY_NANOS && !this.steady) {
      this.riseNanos = this.fallNanos = null;
      this.say(this.nominalHz, this.level);
    }
  }

  offer(freqHz, duty) {
    const near = (a, b) => a && Math.abs(a.duty - b.duty) < DUTY_STEP
      && Math.abs(a.freqHz - b.freqHz) <= b.freqHz / 1000;
    const now = { freqHz, duty };
    this.same = near(this.last, now) ? this.same + 1 : 1;
    this.last = now;
    if (this.same >= PERIODS && !near(this.told, now)) {
      this.say(freqHz, duty);
    }
  }

  say(freqHz, duty) {
    this.told = { freqHz, duty };
    this.tell(freqHz, duty);
  }
}
