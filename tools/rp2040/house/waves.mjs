// islet: the house's currents and voltages at any instant, from the phasors of the link.
// GPL-3.0-or-later
//
// A wave of the link (tools/twin/link/wave.py) holds for t0 < t <= t1. A quantity of RMS phasor X is
//
//     x(t) = sqrt 2 * |X| * sum over n of weight(n) * cos(n * (rad + 2 pi hz (t - t0) + arg X))
//
// with the house's weights for the harmonics: a harmonic keeps its phase to the fundamental.

const NANOS_PER_US = 1000;
const TAU = 2 * Math.PI;
const NOTHING = 1e-9; // V or A: below it a phasor has no angle

/** What can be measured: where a wave keeps it, what it turns with, which harmonics it carries. */
const QUANTITIES = {
  evse_ct: { field: 'evseA', side: 'house', harmonics: 'current' },
  main_ct: { field: 'mainA', side: 'grid', harmonics: 'current' },
  grid_v: { field: 'gridV', side: 'grid', harmonics: 'voltage' },
  house_v: { field: 'houseV', side: 'house', harmonics: 'voltage' },
};

/** One stretch of constant phasors. */
export class Stretch {
  constructor(wave, harmonics) {
    this.wave = wave;
    this.harmonics = harmonics;
    this.fromNanos = wave.t0Us * NANOS_PER_US;
    this.toNanos = wave.t1Us * NANOS_PER_US;
  }

  /** RMS of the fundamental and its angle to the side's own phase, rad. */
  phasor(quantity, leg) {
    const parts = this.wave[QUANTITIES[quantity].field];
    const [real, imaginary] = [parts[2 * leg], parts[2 * leg + 1]];
    return { rms: Math.hypot(real, imaginary), rad: Math.atan2(imaginary, real) };
  }

  /** RMS phasors of the three legs, as real and imaginary parts. */
  pairs(quantity) {
    return this.wave[QUANTITIES[quantity].field];
  }

  /** Frequency of the side a quantity belongs to. */
  hz(quantity) {
    return QUANTITIES[quantity].side === 'grid' ? this.wave.gridHz : this.wave.houseHz;
  }

  /** Angle of that side's phase at an instant, rad. */
  angle(quantity, nanos) {
    const { wave } = this;
    const [hz, rad] = QUANTITIES[quantity].side === 'grid'
      ? [wave.gridHz, wave.gridRad] : [wave.houseHz, wave.houseRad];
    return rad + TAU * hz * (nanos - wave.t0Us * NANOS_PER_US) * 1e-9;
  }

  /** RMS with the harmonics. */
  rms(quantity, leg) {
    const weights = this.harmonics[QUANTITIES[quantity].harmonics];
    const square = weights.reduce((sum, [, weight]) => sum + weight * weight, 0);
    return this.phasor(quantity, leg).rms * Math.sqrt(square);
  }

  /** The quantity at an instant, V or A; `leadRad`: by how much a sensor shows it early. */
  instant(quantity, leg, nanos, leadRad = 0) {
    const { rms, rad } = this.phasor(quantity, leg);
    if (rms < NOTHING) {
      return 0;
    }
    const angle = this.angle(quantity, nanos) + rad + leadRad;
    let sum = 0;
    for (const [order, weight] of this.harmonics[QUANTITIES[quantity].harmonics]) {
      sum += weight * Math.cos(order * angle);
    }
    return Math.SQRT2 * rms * sum;
  }

  /**
   * When the quantity's fundamental next crosses zero after an instant, and whether it rises there;
   * null when it does not within this stretch.
   */
  crossing(quantity, leg, afterNanos) {
    const { rms, rad } = this.phasor(quantity, leg);
    const hz = this.hz(quantity);
    if (rms < NOTHING || hz <= 0) {
      return null;
    }
    const half = Math.PI;
    const angle = this.angle(quantity, afterNanos) + rad - half / 2; // zero at multiples of pi
    const count = Math.floor(angle / half + 1e-9) + 1;
    const nanos = afterNanos + ((count * half - angle) / (TAU * hz)) * 1e9;
    return nanos <= this.toNanos ? { nanos, rising: count % 2 !== 0 } : null;
  }
}

/** The waves told so far; what is told later replaces what was told of the same time. */
export class Waves {
  /**
   * @param {{current?: number[][], voltage?: number[][]}} harmonics rows of order and weight,
   *   without the fundamental
   */
  constructor({ current = [], voltage = [] } = {}) {
    this.harmonics = { current: [[1, 1], ...current], voltage: [[1, 1], ...voltage] };
    this.stretches = [];
  }

  /** From `nowUs` on the house goes the way of these waves. */
  replace(nowUs, waves) {
    const nowNanos = nowUs * NANOS_PER_US;
    const known = this.stretches.filter((s) => s.fromNanos < nowNanos).slice(-2);
    for (const stretch of known) {
      stretch.toNanos = Math.min(stretch.toNanos, nowNanos);
    }
    const told = waves.filter((w) => w.t1Us > nowUs).map((w) => new Stretch(w, this.harmonics));
    for (const stretch of told) {
      stretch.fromNanos = Math.max(stretch.fromNanos, nowNanos);
    }
    this.stretches = [...known, ...told];
  }

  /** The stretch an instant lies in; the nearest one where nothing was told. */
  at(nanos) {
    const { stretches } = this;
    let i = stretches.length - 1;
    while (i > 0 && nanos <= stretches[i].fromNanos) {
      i -= 1;
    }
    return stretches[i];
  }
}
