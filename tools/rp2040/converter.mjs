// islet: what the RP2040's converter makes of a voltage: offset, gain, the steps of E11, noise.
// GPL-3.0-or-later
//
// Sources of the default figures:
// - data sheet 4.9.4 and errata RP2040-E11: codes 512, 1536, 2560 and 3584 are far too wide;
// - pico-adc.markomo.me: differential non-linearity 8.9 LSB, integral 7.85 LSB, noise 0.97 LSB RMS
//   with the regulator saving power (PSM) and 1.36 with PWM, 7.8 to 8.9 effective bits;
// - github.com/kitanokitsune/rp2040adc_correction, mean of five boards: the reading is 15 LSB
//   high at the low end and 15 low at the high end, with jumps of 10, 9, 9 and 10 LSB at the
//   four codes and nearly even slopes between them.

const CODES = 4096;
const WIDE = [512, 1536, 2560, 3584];

/** A board as five measured ones were on average. Volts at the pin are against `referenceVolts`. */
export const TYPICAL = {
  referenceVolts: 3.3,
  offsetLsb: 15,
  gain: 1 - 30 / CODES,
  stepsLsb: [10, 9, 9, 10],
  noiseLsb: 0.97,
  seed: 1,
};

/** A converter without errors but its resolution. */
export const IDEAL = { ...TYPICAL, offsetLsb: 0, gain: 1, stepsLsb: [0, 0, 0, 0], noiseLsb: 0 };

export class Converter {
  /** @param {object} options overrides of TYPICAL */
  constructor(options = {}) {
    Object.assign(this, TYPICAL, options);
    const unknown = Object.keys(options).filter((key) => !(key in TYPICAL));
    if (unknown.length) {
      throw new Error(`adc: no such option: ${unknown}; there are ${Object.keys(TYPICAL)}`);
    }
    this.edges = this.transitions();
    this.state = (this.seed >>> 0) || 1;
    this.spare = null;
  }

  /** The ideal code at which each code begins: E11's codes are wide, all others even. */
  transitions() {
    const edges = new Float64Array(CODES + 1);
    const extra = this.stepsLsb.reduce((sum, step) => sum + step, 0);
    const width = 1 - extra / CODES;
    for (let code = 0; code < CODES; code++) {
      const wide = WIDE.indexOf(code);
      edges[code + 1] = edges[code] + width + (wide < 0 ? 0 : this.stepsLsb[wide]);
    }
    return edges;
  }

  /** The reading, 0…4095, of a voltage at the pin. */
  ofVolts(volts) {
    return this.ofCode((volts / this.referenceVolts) * CODES);
  }

  /** The reading, 0…4095, of what an ideal converter of endless resolution would read. */
  ofCode(ideal) {
    let value = ideal * this.gain + this.offsetLsb;
    if (this.noiseLsb) {
      value += this.noiseLsb * this.gauss();
    }
    if (!(value > 0)) {
      return 0;
    }
    if (value >= CODES) {
      return CODES - 1;
    }
    const { edges } = this;
    let code = Math.floor(value);
    while (edges[code] > value) {
      code--;
    }
    while (edges[code + 1] <= value && code < CODES - 1) {
      code++;
    }
    return code;
  }

  /** A normally distributed number, by Box and Muller, from a seeded generator. */
  gauss() {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** 0 < value <= 1 (xorshift32). */
  uniform() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return ((this.state >>> 0) + 1) / 4294967297;
  }
}
