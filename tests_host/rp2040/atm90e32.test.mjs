// islet: the register model of the metering chip against what its data sheet says.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Atm90e32 } from '../../tools/rp2040/devices/atm90e32.mjs';

const [METER_EN, SAG_CFG, ZX, SAG_TH, LOSS_TH, MMODE1] = [0x00, 0x05, 0x07, 0x08, 0x09, 0x34];
const [PHI_A, U_GAIN_A, I_GAIN_A, I_OFFSET_A] = [0x48, 0x61, 0x62, 0x64];
const [RESET, STATE1, LAST, UNLOCK] = [0x70, 0x72, 0x78, 0x7f];
const [P_A, P_A_LOW, U_A, I_A, HZ] = [0xb1, 0xc1, 0xd9, 0xdd, 0xf8];
const PINS = { voltsPerVolt: [1e-3, 1e-3, 1e-3], voltsPerAmp: [5e-3, 5e-3, 5e-3] };
const QUIET = { ...PINS, noise: 0 };
const BYTE = 8000;
const FULL_V = 926.82; // RMS at 1.2 V peak and a gain of 32768
const FULL_A = 92.682;
const PIN_RMS = 1.2 / Math.SQRT2;

/** Three legs of a three-phase system, as pairs. */
function three(rms, degrees = 0) {
  return [0, 1, 2].flatMap((leg) => {
    const rad = ((degrees - 120 * leg) * Math.PI) / 180;
    return [rms * Math.cos(rad), rms * Math.sin(rad)];
  });
}

/** A chip with a master that keeps the time. */
class Bench {
  constructor(build = QUIET, started = true) {
    this.chip = new Atm90e32(build);
    this.nanos = 10e6;
    if (started) {
      this.write(UNLOCK, 0x55aa);
      this.write(METER_EN, 1);
    }
  }

  frame(...bytes) {
    this.nanos += 1000;
    this.chip.select(0, this.nanos);
    const out = bytes.map((byte) => {
      this.nanos += BYTE;
      return this.chip.transfer(byte, this.nanos);
    });
    this.nanos += 500;
    this.chip.select(1, this.nanos);
    return out;
  }

  read(register) {
    const out = this.frame(0x80 | (register >> 8), register & 0xff, 0, 0);
    return (out[2] << 8) | out[3];
  }

  write(register, value) {
    this.frame(register >> 8, register & 0xff, value >> 8, value & 0xff);
  }

  watts(leg = 0) {
    const high = this.read(P_A + leg);
    return ((high << 16) | this.read(P_A_LOW + leg)) * 0.00032;
  }

  wave(volts, amps, hz = 50) {
    this.chip.wave({
      t0Us: this.nanos / 1000, t1Us: Infinity, hz, rad: 2 * Math.PI * hz * this.nanos * 1e-9, volts,
      amps,
    });
  }

  /** These waves alone are in the means. */
  settle(volts, amps, hz) {
    this.wave(volts, amps, hz);
    this.pass(1.5);
  }

  pass(seconds) {
    this.nanos += seconds * 1e9;
    this.read(STATE1);
  }
}

const near = (value, wanted, share) => assert.ok(
  Math.abs(value - wanted) <= Math.abs(wanted) * share, `${value}, wanted ${wanted}`,
);

test('after power-up it does not measure, and its registers have their default values', () => {
  const bench = new Bench(QUIET, false);
  bench.settle(three(230), three(10));
  assert.equal(bench.read(U_A), 0);
  const defaults = { 0x00: 0, 0x01: 0x0210, 0x05: 0x143f, 0x07: 1, 0x33: 0x87, 0x61: 0x8000 };
  for (const [register, value] of Object.entries(defaults)) {
    assert.equal(bench.read(Number(register)), value, register);
  }
});

test('configuration is written only while access is enabled', () => {
  const bench = new Bench(QUIET, false);
  bench.write(U_GAIN_A, 0x1234);
  assert.equal(bench.read(U_GAIN_A), 0x8000);
  assert.match(bench.chip.violations.join(), /write of 0x61/);
  bench.write(UNLOCK, 0x55aa);
  bench.write(U_GAIN_A, 0x1234);
  assert.equal(bench.read(U_GAIN_A), 0x1234);
  assert.equal(bench.read(LAST), 0x1234);
  bench.write(UNLOCK, 0);
  bench.write(U_GAIN_A, 0x4321);
  assert.equal(bench.read(U_GAIN_A), 0x1234);
});

test('a reset by its magic word forgets everything and is deaf for a while', () => {
  const bench = new Bench();
  bench.write(RESET, 0x1234);
  assert.equal(bench.read(METER_EN), 1);
  bench.write(RESET, 0x789a);
  assert.equal(bench.read(U_GAIN_A), 0);
  bench.nanos += 6e6;
  assert.equal(bench.read(U_GAIN_A), 0x8000);
  assert.equal(bench.read(METER_EN), 0);
});

test('a frame that is cut short does nothing, and nobody is answered without select', () => {
  const bench = new Bench();
  bench.frame(0x00, U_GAIN_A, 0x12);
  assert.equal(bench.read(U_GAIN_A), 0x8000);
  assert.match(bench.chip.violations.join(), /a frame of 3 bytes/);
  assert.equal(bench.chip.transfer(0x80, bench.nanos), null);
});

test('a clock that is too fast is noticed', () => {
  const bench = new Bench();
  bench.chip.select(0, bench.nanos);
  bench.chip.transfer(0x80, bench.nanos + 4000);
  assert.match(bench.chip.violations.join(), /a byte in 4000 ns/);
});

test('means follow the gains, and power is their product', () => {
  const bench = new Bench();
  bench.settle(three(230), three(20, -30));
  near(bench.read(U_A) / 100, (0.23 / PIN_RMS) * FULL_V, 5e-4);
  near(bench.read(I_A) / 1000, (0.1 / PIN_RMS) * FULL_A, 5e-4);
  const watts = bench.watts();
  near(watts, (0.23 / PIN_RMS) * FULL_V * (0.1 / PIN_RMS) * FULL_A * Math.cos(Math.PI / 6), 1e-3);
  bench.write(U_GAIN_A, 0x4000);
  bench.write(I_GAIN_A, 0xc000);
  bench.pass(1);
  near(bench.read(U_A) / 100, (0.115 / PIN_RMS) * FULL_V, 5e-4);
  near(bench.read(I_A) / 1000, (0.15 / PIN_RMS) * FULL_A, 5e-4);
  near(bench.watts(), watts * 0.75, 1e-3);
});

test('a power that is delivered is negative', () => {
  const bench = new Bench();
  bench.settle(three(230), three(20, 180));
  assert.ok(bench.watts() < -1000);
});

test('the inputs\' gain multiplies, and beyond full scale they clip', () => {
  const bench = new Bench();
  bench.settle(three(230), three(40));
  const amps = bench.read(I_A);
  bench.write(MMODE1, 0x15);
  bench.pass(1);
  near(bench.read(I_A), 2 * amps, 1e-3);
  bench.settle(three(230), three(400));
  assert.ok(bench.read(I_A) < 1.42 * FULL_A * 1000);
});

test('a count of an offset is 1/512 of the register', () => {
  const bench = new Bench();
  bench.settle(three(230), three(10));
  const amps = bench.read(I_A);
  bench.write(I_OFFSET_A, 0x10000 - 512 * 20);
  bench.pass(1);
  assert.ok(Math.abs(bench.read(I_A) - (amps - 20)) <= 1);
});

test('a delay of the current, or of the voltage, turns the phase between them', () => {
  const late = { ...QUIET, currentLagUs: [100, 0, 0] };
  const bench = new Bench(late);
  bench.settle(three(230), three(20, -60));
  const true_ = bench.watts(1);
  assert.ok(bench.watts(0) < true_ * 0.96);
  bench.write(PHI_A, 0x8000 | Math.round(100 * 2.048));
  bench.pass(1);
  near(bench.watts(0), true_, 1e-3);
  bench.write(PHI_A, Math.round(100 * 2.048)); // twice as late
  bench.pass(1);
  assert.ok(bench.watts(0) < true_ * 0.92);
});

test('means are renewed every 16 periods and are those of all of them', () => {
  const bench = new Bench({ ...PINS, noise: 1e-5 });
  bench.settle(three(230), three(10));
  const times = [];
  let before = bench.read(0xe9);
  for (let k = 0; k < 2000; k += 1) {
    bench.nanos += 0.96e6;
    const now = bench.read(0xe9);
    if (now !== before) {
      times.push(bench.nanos);
    }
    before = now;
  }
  const gaps = times.slice(1).map((t, k) => (t - times[k]) / 1e6);
  assert.ok(gaps.length >= 5 && gaps.every((gap) => Math.abs(gap - 320) < 1.5), String(gaps));
  // a step in the middle of a window comes out as a mixture, then whole
  bench.nanos = times.at(-1) + 6 * 320e6 + 160e6 - 1e6;
  bench.wave(three(230), three(30));
  const full = (amps) => ((amps * 5e-3) / PIN_RMS) * FULL_A * 1000;
  bench.nanos += 165e6;
  near(bench.read(I_A), Math.hypot(full(10), full(30)) / Math.SQRT2, 0.01);
  bench.nanos += 320e6;
  near(bench.read(I_A), full(30), 1e-3);
});

test('frequency is that of a period of phase A; in its sag C, then B; none of lost ones', () => {
  const bench = new Bench();
  const volts = three(230);
  bench.settle(volts, three(10), 50.5);
  assert.equal(bench.read(HZ), 5050);
  bench.wave(volts, three(10), 52);
  bench.pass(0.06);
  assert.equal(bench.read(HZ), 5200);
  bench.settle([0, 0, 0, 0, ...volts.slice(4)], three(10), 49);
  assert.equal(bench.read(HZ), 4900);
  bench.settle([0, 0, ...volts.slice(2, 4), 0, 0], three(10), 48);
  assert.equal(bench.read(HZ), 4800);
  bench.settle(three(0), three(10), 50);
  assert.equal(bench.read(HZ), 0);
});

test('sag and phase loss when the peak stays below for the period', () => {
  const bench = new Bench();
  const threshold = (volts) => Math.round(((volts * 1e-3 * Math.SQRT2) / 1.2) * 0xffff);
  bench.write(SAG_CFG, 0x1400 | 40);
  bench.write(SAG_TH, threshold(180));
  bench.write(LOSS_TH, threshold(50));
  bench.settle(three(230), three(10));
  assert.equal(bench.read(STATE1), 0);
  bench.wave([100, 0, ...three(230).slice(2)], three(10));
  bench.pass(0.03);
  assert.equal(bench.read(STATE1), 0);
  bench.pass(0.025);
  assert.equal(bench.read(STATE1), 0x4000);
  bench.wave([100, 0, ...three(230).slice(2, 4), 0, 0], three(10));
  bench.pass(0.1);
  assert.equal(bench.read(STATE1), 0x5100);
  bench.wave(three(230), three(10));
  bench.pass(0.02);
  assert.equal(bench.read(STATE1), 0);
});

test('zero crossings on the pins, as configured', () => {
  const bench = new Bench();
  bench.settle(three(230), three(10, -90));
  const rises = (config, pin = 0) => {
    bench.write(ZX, config);
    const from = Math.ceil(bench.nanos / 1e8) * 1e8;
    return bench.chip.zeroCrossings(from, from + 40e6, pin)
      .filter(({ level }) => level === 1)
      .map(({ nanos }) => Math.round((nanos - from) / 1e4) / 100);
  };
  assert.deepEqual(rises(0x0001), []); // disabled, as after power-up
  assert.deepEqual(rises(0b011_011_000_11_11_00_0), [15.3, 35.3]); // rising, 0.3 ms late
  assert.deepEqual(rises(0b011_011_000_11_11_01_0), [5.3, 25.3]);
  assert.deepEqual(rises(0b011_011_000_11_11_10_0), [5.3, 15.3, 25.3, 35.3]);
  assert.deepEqual(rises(0b011_011_100_11_11_00_0), [0.3, 20.3]); // of the current
  assert.deepEqual(rises(0b011_000_011_11_00_11_0, 1), [15.3, 35.3]); // ZX1
  assert.deepEqual(rises(0b011_000_011_11_00_11_0, 0), []);
});

test('a crossing is a pulse, and none comes from a dead leg', () => {
  const bench = new Bench();
  bench.settle(three(230), three(10));
  bench.write(ZX, 0b011_011_000_11_11_10_0);
  const edges = bench.chip.zeroCrossings(bench.nanos, bench.nanos + 100e6);
  assert.equal(edges.length, 20);
  edges.slice(1).forEach(({ nanos, level }, k) => {
    assert.notEqual(level, edges[k].level);
    assert.ok(Math.abs(nanos - edges[k].nanos - 5e6) < 1);
  });
  const whole = edges.map(({ nanos }) => nanos);
  const half = [0, 50e6].flatMap((t) => bench.chip.zeroCrossings(bench.nanos + t,
    bench.nanos + t + 50e6)).map(({ nanos }) => nanos);
  assert.deepEqual(half.map(Math.round), whole.map(Math.round)); // in parts or at once
  bench.wave(three(5), three(10));
  bench.nanos += 20e6;
  assert.deepEqual(bench.chip.zeroCrossings(bench.nanos, bench.nanos + 100e6), []);
});

test('what was told of the future is replaced', () => {
  const bench = new Bench();
  bench.settle(three(230), three(10));
  bench.wave(three(400), three(10));
  bench.wave(three(230), three(10));
  bench.pass(1);
  near(bench.read(U_A) / 100, (0.23 / PIN_RMS) * FULL_V, 5e-4);
});

test('faults: absent, stuck, a dip of the supply, wrong bits', () => {
  const bench = new Bench();
  bench.settle(three(230), three(10));
  const { chip } = bench;
  chip.faults.absent = true;
  assert.deepEqual(bench.frame(0x80, 0, 0, 0), [null, null, null, null]);
  chip.faults.absent = false;
  chip.faults.stuck = true;
  bench.settle(three(100), three(10));
  near(bench.read(U_A) / 100, (0.23 / PIN_RMS) * FULL_V, 5e-4);
  chip.faults.stuck = false;
  bench.pass(2);
  near(bench.read(U_A) / 100, (0.1 / PIN_RMS) * FULL_V, 5e-4);
  chip.faults.flip = (_, out) => (out ? 0x10 : 0);
  assert.equal(bench.read(METER_EN), 0x1011);
  chip.faults.flip = null;
  chip.brownOut(bench.nanos);
  bench.nanos += 10e6;
  assert.equal(bench.read(METER_EN), 0);
  assert.equal(chip.resets, 2);
});

test('the same seed, the same readings', () => {
  const readings = (seed) => {
    const bench = new Bench({ ...PINS, noise: 1e-4, seed });
    bench.settle(three(230), three(10));
    return [0xd9, 0xe9, 0xdd, 0xed, 0xb1, 0xc1].map((register) => bench.read(register)).join();
  };
  assert.equal(readings(1), readings(1));
  assert.notEqual(readings(1), readings(2));
});
