// islet: what the metering chip ATM90E32AS makes of its inputs.
// GPL-3.0-or-later
//
// Six converters at 8 kHz, gains and delays from registers, means over 16 periods of the voltage,
// frequency of each period, sag and phase loss, zero crossings. A sample is a share of the
// converter's full scale; a voltage gain g makes full scale g * 0.04 V, a current gain g * 0.004 A.

const TAU = 2 * Math.PI;
const SAMPLE_NANOS = 125_000;
const PERIODS = 16;
const LONGEST_WINDOW_NANOS = 400e6; // no crossings: the mean ends all the same
const FULL_SCALE_V = 1.2; // peak, at an input with gain 1
const VOLTS_PER_GAIN = 0.04;
const AMPS_PER_GAIN = 0.004;
const WATTS_PER_COUNT = 0.00032;
const DELAY_NANOS = 1e9 / 2.048e6; // a count of Phi
const CROSSING_NANOS = 1e9 / 256e3; // resolution of a crossing's time
const SETTLE_SHARE = 0.05; // the high-pass filters, when metering begins
const SETTLE_NANOS = 80e6;
const KEEP_NANOS = 20e9; // history of the waves
const ORDER = [0, 2, 1]; // of the phases that give the frequency

/** Three legs of one kind: voltages or currents, as harmonics of amplitude and angle. */
class Signals {
  constructor(phasors, weights, shares) {
    this.legs = shares.map((share, leg) => {
      const [re, im] = phasors.slice(2 * leg, 2 * leg + 2);
      const peak = Math.hypot(re, im) * Math.SQRT2 * share;
      const rad = Math.atan2(im, re);
      return peak === 0 ? [] : weights.map(([n, weight]) => [n, weight * peak, n * rad]);
    });
  }

  at(leg, angle) {
    let sum = 0;
    for (const [n, peak, rad] of this.legs[leg]) {
      sum += peak * Math.cos(n * angle + rad);
    }
    return sum;
  }
}

export class Dsp {
  /**
   * @param {object} build
   * @param {number[]} [build.voltsPerVolt] at the voltage inputs, per leg
   * @param {number[]} [build.voltsPerAmp] at the current inputs I1, I2, I3; negative: turned round
   * @param {number[]} [build.voltageLagUs] by which the front end is late
   * @param {number[]} [build.currentLagUs]
   * @param {number[]} [build.voltageGain] the chip's own gain, 1 is nominal
   * @param {number[]} [build.currentGain]
   * @param {[number, number][]} [build.voltageHarmonics] (order, weight), the fundamental included
   * @param {[number, number][]} [build.currentHarmonics]
   * @param {number} [build.noise] of a mean, as a share of full scale
   * @param {number} [build.crystalPpm]
   * @param {number} [build.zxDelayUs] from a crossing to the edge of ZX
   * @param {number} [build.zxWidthUs]
   * @param {number} [build.seed]
   */
  constructor({
    voltsPerVolt = [1e-3, 1e-3, 1e-3], voltsPerAmp = [5e-3, 5e-3, 5e-3],
    voltageLagUs = [0, 0, 0], currentLagUs = [0, 0, 0],
    voltageGain = [1, 1, 1], currentGain = [1, 1, 1],
    voltageHarmonics = [[1, 1]], currentHarmonics = [[1, 1]],
    noise = 2e-6, crystalPpm = 0, zxDelayUs = 300, zxWidthUs = 5000, seed = 1,
  } = {}) {
    this.voltShares = voltsPerVolt.map((v, leg) => v * voltageGain[leg] / FULL_SCALE_V);
    this.ampShares = voltsPerAmp.map((v, leg) => v * currentGain[leg] / FULL_SCALE_V);
    const nanos = (us) => us * 1e3;
    this.lagNanos = { u: voltageLagUs.map(nanos), i: currentLagUs.map(nanos) };
    this.weights = { u: voltageHarmonics, i: currentHarmonics };
    this.noise = noise;
    this.sampleNanos = SAMPLE_NANOS * (1 - crystalPpm * 1e-6);
    this.secondsPerNano = 1e-9 * (1 + crystalPpm * 1e-6); // as the chip counts them
    this.zx = { delayNanos: zxDelayUs * 1e3, widthNanos: zxWidthUs * 1e3 };
    this.random = seed >>> 0;
    this.stretches = [];
    this.restart(0);
  }

  wave({ t0Us, t1Us, hz, rad, volts, amps }) {
    const fromNanos = t0Us * 1e3;
    this.stretches = this.stretches.filter((s) => s.fromNanos < fromNanos
      && s.toNanos > fromNanos - KEEP_NANOS);
    for (const before of this.stretches) {
      before.toNanos = Math.min(before.toNanos, fromNanos);
    }
    this.stretches.push({
      fromNanos,
      toNanos: t1Us * 1e3,
      radPerNano: TAU * hz * 1e-9,
      rad,
      u: new Signals(volts, this.weights.u, this.voltShares),
      i: new Signals(amps, this.weights.i, this.ampShares),
    });
  }

  /** After a reset: nothing measured, power-on gains. */
  restart(nanos) {
    this.results = new Map();
    this.nowNanos = Math.ceil(nanos / this.sampleNanos) * this.sampleNanos;
    this.quietNanos = [0, 1, 2].map(() => ({ sag: nanos, loss: nanos }));
    this.before = [0, 0, 0];
    this.begun = false;
    this.periodNanos = null; // the last rising crossing of the reference
    this.reference = 0;
    this.clearSums();
  }

  /** Registers have changed. */
  configure(registers) {
    const signed = (address) => (registers[address] << 16) >> 16;
    const channel = (address, leg) => (registers[address] >> (4 * leg)) & 7;
    this.sagNanos = (registers[0x05] & 0xff) * 1e6;
    this.sagShare = registers[0x08] / 0xffff;
    this.lossShare = registers[0x09] / 0xffff;
    this.zxConfig = registers[0x07];
    this.enabled = (registers[0x00] & 0xff) !== 0;
    this.phases = [0, 1, 2].map((leg) => {
      const phi = registers[0x48 + 2 * leg];
      const delay = (phi & 0x3ff) * DELAY_NANOS;
      const input = channel(0x01, leg); // 0…2: I1…I3; 4…6 are voltages; 3 and 7 nothing
      const source = channel(0x02, leg) - 4;
      return {
        current: input <= 2 ? input : -1,
        voltage: source >= 0 && source <= 2 ? source : -1,
        pga: 1 << ((registers[0x34] >> (2 * leg)) & 3),
        uDelay: phi & 0x8000 ? delay : 0,
        iDelay: phi & 0x8000 ? 0 : delay,
        uGain: registers[0x61 + 4 * leg],
        iGain: registers[0x62 + 4 * leg],
        uOffset: signed(0x63 + 4 * leg),
        iOffset: signed(0x64 + 4 * leg),
        pOffset: signed(0x41 + 2 * leg),
        pGain: 1 + signed(0x47 + 2 * leg) / 0x8000,
      };
    });
  }

  /** The stretch of an instant; without one nothing is connected. */
  stretchAt(nanos) {
    let s = this.stretch;
    if (!s || nanos <= s.fromNanos || nanos > s.toNanos) {
      s = this.stretches.find((one) => nanos > one.fromNanos && nanos <= one.toNanos);
      this.stretch = s;
    }
    return s;
  }

  /** Share of full scale at an input (`kind` u or i), clipped. */
  sample(kind, input, gain, nanos) {
    const s = this.stretchAt(nanos);
    if (!s || input < 0) {
      return 0;
    }
    const late = nanos - this.lagNanos[kind][input];
    const value = gain * s[kind].at(input, s.rad + s.radPerNano * (late - s.fromNanos));
    return Math.max(-1, Math.min(1, value));
  }

  /** Take all samples up to an instant; those from before the history are lost. */
  advance(nanos) {
    if (nanos - this.nowNanos > KEEP_NANOS) {
      this.skip(nanos - KEEP_NANOS);
    }
    while (this.nowNanos <= nanos) {
      this.take(this.nowNanos);
      this.nowNanos += this.sampleNanos;
    }
  }

  /** Let time pass without measuring. */
  skip(nanos) {
    if (nanos >= this.nowNanos) {
      this.nowNanos = (Math.floor(nanos / this.sampleNanos) + 1) * this.sampleNanos;
      this.begun = false;
    }
  }

  take(nanos) {
    if (!this.begun) {
      this.begun = true;
      this.begunNanos = this.windowNanos = nanos;
      this.clearSums();
    }
    let ended = nanos - this.windowNanos >= LONGEST_WINDOW_NANOS;
    const settling = nanos - this.begunNanos < 10 * SETTLE_NANOS
      ? SETTLE_SHARE * Math.exp((this.begunNanos - nanos) / SETTLE_NANOS) : 0;
    for (let leg = 0; leg < 3; leg += 1) {
      const phase = this.phases[leg];
      const u = settling + this.sample('u', phase.voltage, 1, nanos - phase.uDelay);
      const i = settling + this.sample('i', phase.current, phase.pga, nanos - phase.iDelay);
      const sums = this.sums[leg];
      sums.u += u * u;
      sums.i += i * i;
      sums.p += u * i;
      const quiet = this.quietNanos[leg];
      if (Math.abs(u) >= this.sagShare) {
        quiet.sag = nanos;
      }
      if (Math.abs(u) >= this.lossShare) {
        quiet.loss = nanos;
      }
      if (leg === this.reference && this.before[leg] < 0 && u >= 0) {
        const share = u / (u - this.before[leg]);
        ended = this.crossed(nanos - share * this.sampleNanos) || ended;
      }
      this.before[leg] = u;
    }
    this.count += 1;
    this.now = nanos;
    this.choose();
    if (ended) {
      this.publish();
      this.windowNanos = nanos;
    }
  }

  /** Phase A gives the frequency; in a sag of it C, then B; then one that is not lost. */
  choose() {
    if (this.reference === 0 && !this.isSag(0)) {
      return;
    }
    const found = ORDER.find((leg) => !this.isSag(leg)) ?? ORDER.find((leg) => !this.isLost(leg));
    if (found !== this.reference) {
      this.reference = found;
      this.periodNanos = null;
      if (found === undefined) {
        this.results.set(0xf8, 0);
      }
    }
  }

  /** A rising crossing of the reference: true when it ends the mean. */
  crossed(nanos) {
    const at = Math.round(nanos / CROSSING_NANOS) * CROSSING_NANOS;
    if (this.periodNanos !== null) {
      const hz = 1 / ((at - this.periodNanos) * this.secondsPerNano);
      this.results.set(0xf8, Math.round(hz * 100) & 0xffff);
    }
    this.periodNanos = at;
    this.periods += 1;
    return this.periods > PERIODS;
  }

  clearSums() {
    this.sums = [0, 1, 2].map(() => ({ u: 0, i: 0, p: 0 }));
    this.count = 0;
    this.periods = 1; // a mean begins where the last one ended, at a crossing
  }

  /** The mean is complete: into the registers. */
  publish() {
    this.sums.forEach((sums, leg) => {
      const phase = this.phases[leg];
      const volts = this.rms(sums.u) * phase.uGain * VOLTS_PER_GAIN;
      const amps = this.rms(sums.i) * phase.iGain * AMPS_PER_GAIN;
      this.put(0xd9 + leg, 0xe9 + leg, volts * 100 + phase.uOffset / 512);
      this.put(0xdd + leg, 0xed + leg, amps * 1000 + phase.iOffset / 512);
      const scale = phase.uGain * VOLTS_PER_GAIN * phase.iGain * AMPS_PER_GAIN * phase.pGain;
      const mean = sums.p / this.count + this.gauss() * this.noise * this.rms(sums.u);
      const counts = Math.round(mean * scale / WATTS_PER_COUNT) + phase.pOffset;
      const power = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, counts)) >> 0;
      this.results.set(0xb1 + leg, (power >> 16) & 0xffff);
      this.results.set(0xc1 + leg, power & 0xff00);
    });
    this.clearSums();
  }

  rms(sum) {
    const square = sum / this.count + this.noise * this.noise;
    return Math.max(0, Math.sqrt(square) + this.gauss() * this.noise);
  }

  /** A 16-bit register and its lower word, of which eight bits are valid. */
  put(high, low, value) {
    const counts = Math.max(0, Math.min(0xffffff, Math.floor(value * 256)));
    this.results.set(high, counts >> 8);
    this.results.set(low, (counts & 0xff) << 8);
  }

  isSag(leg) {
    return this.now - this.quietNanos[leg].sag >= this.sagNanos;
  }

  isLost(leg) {
    return this.now - this.quietNanos[leg].loss >= this.sagNanos;
  }

  /** EMMState1. */
  state1() {
    let bits = 0;
    for (let leg = 0; leg < 3 && this.enabled; leg += 1) {
      bits |= (this.isSag(leg) ? 0x4000 >> leg : 0) | (this.isLost(leg) ? 0x0400 >> leg : 0);
    }
    return bits;
  }

  /** Edges of a ZX pin in (fromNanos, toNanos]. */
  crossings(fromNanos, toNanos, pin) {
    const source = (this.zxConfig >> (7 + 3 * pin)) & 7;
    const kinds = (this.zxConfig >> (1 + 2 * pin)) & 3;
    if (this.zxConfig & 1 || source === 3 || source === 7 || kinds === 3) {
      return [];
    }
    const kind = source < 4 ? 'u' : 'i';
    const phase = this.phases[source & 3];
    const input = kind === 'u' ? phase.voltage : phase.current;
    const value = (nanos) => this.sample(kind, input, 1, nanos);
    const { delayNanos, widthNanos } = this.zx;
    const edges = [];
    const first = Math.floor((fromNanos - delayNanos - widthNanos) / SAMPLE_NANOS) - 1;
    let before = value(first * SAMPLE_NANOS);
    for (let k = first + 1; (k - 1) * SAMPLE_NANOS + delayNanos <= toNanos; k += 1) {
      const after = value(k * SAMPLE_NANOS);
      const rising = before < 0 && after >= 0;
      const falling = before >= 0 && after < 0;
      const wanted = (rising && kinds !== 1) || (falling && kinds !== 0);
      if (wanted && this.strong(value, k * SAMPLE_NANOS)) {
        const share = after === before ? 0 : after / (after - before);
        const rise = (k - share) * SAMPLE_NANOS + delayNanos;
        edges.push({ nanos: rise, level: 1 }, { nanos: rise + widthNanos, level: 0 });
      }
      before = after;
    }
    return edges.filter(({ nanos }) => nanos > fromNanos && nanos <= toNanos)
      .sort((a, b) => a.nanos - b.nanos);
  }

  /** Whether there is more than noise around an instant: a peak within the last half period. */
  strong(value, nanos) {
    for (let back = 2e6; back <= 10e6; back += 2e6) {
      if (Math.abs(value(nanos - back)) >= this.lossShare) {
        return true;
      }
    }
    return false;
  }

  /** Normal deviate, the same sequence for the same seed. */
  gauss() {
    let sum = -6;
    for (let n = 0; n < 12; n += 1) {
      this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0;
      sum += this.random / 2 ** 32;
    }
    return sum;
  }
}
