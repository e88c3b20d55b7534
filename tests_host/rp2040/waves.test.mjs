// islet: tests of the house's waves at an instant, and of what replaces what.
// GPL-3.0-or-later
import assert from 'node:assert/strict';
import test from 'node:test';
import { Waves } from '../../tools/rp2040/house/waves.mjs';

const legs = (...phasors) => Float64Array.from(phasors.flat());
const NONE = legs([0, 0], [0, 0], [0, 0]);

function wave(t0Us, t1Us, given = {}) {
  return {
    t0Us, t1Us, gridHz: 50, gridRad: 0, houseHz: 50, houseRad: 0, evseA: NONE, mainA: NONE,
    gridV: legs([230, 0], [0, 0], [0, 0]), houseV: NONE, pilotHighV: 12, pilotLowV: -12,
    ppOhm: Infinity, ...given,
  };
}

// by numpy 2.4.6: sqrt(2) * abs(x) * (cos(a) + .05 * cos(3 * a) + .03 * cos(5 * a)) with
// a = rad + 2 * pi * hz * (t - t0) + angle(x)
const NUMPY = [6.89741917404756, 4.385731050459707, -12.626840406651349];

test('a current with harmonics has the values that numpy gives', () => {
  const waves = new Waves({ current: [[3, 0.05], [5, 0.03]], voltage: [] });
  const given = { houseHz: 49.97, houseRad: 1.25, evseA: legs([3, -4], [0, 0], [-16, 0]) };
  waves.replace(0, [wave(1000, 100_000, given)]);
  const near = (leg, nanos, value) =>
    assert.ok(Math.abs(waves.at(nanos).instant('evse_ct', leg, nanos) - value) < 1e-9);
  near(0, 1_000_000, NUMPY[0]);
  near(0, 17_345_678, NUMPY[1]);
  near(2, 99_999_999, NUMPY[2]);
  near(1, 50_000_000, 0);
});

test('each side turns at its own frequency', () => {
  const waves = new Waves();
  const volts = legs([100, 0], [0, 0], [0, 0]);
  waves.replace(0, [wave(0, 1_000_000, { houseHz: 60, houseV: volts, gridV: volts })]);
  const stretch = waves.at(500_000_000);
  assert.ok(Math.abs(stretch.instant('grid_v', 0, 5_000_000)) < 1e-9); // a quarter of 50 Hz
  assert.ok(Math.abs(stretch.instant('house_v', 0, 25_000_000 / 6)) < 1e-9);
  assert.ok(Math.abs(stretch.instant('house_v', 0, 50_000_000 / 3) - 100 * Math.SQRT2) < 1e-9);
});

test('RMS counts the harmonics, a sensor\'s lead shifts the fundamental', () => {
  const waves = new Waves({ voltage: [[5, 0.02], [7, 0.01]] });
  waves.replace(0, [wave(0, 100_000)]);
  const stretch = waves.at(1);
  assert.ok(Math.abs(stretch.rms('grid_v', 0) - 230 * Math.sqrt(1.0005)) < 1e-9);
  const ahead = stretch.instant('grid_v', 0, 1_000_000, 0.1);
  const later = stretch.instant('grid_v', 0, 1_000_000 + (0.1 / (2 * Math.PI * 50)) * 1e9);
  assert.ok(Math.abs(ahead - later) < 1e-6);
});

test('what is told later replaces what was told, from now on only', () => {
  const waves = new Waves();
  waves.replace(0, [wave(0, 100_000)]);
  const dead = { gridV: NONE };
  waves.replace(30_000, [wave(30_000, 100_000, dead)]);
  assert.equal(waves.at(29_999_999).rms('grid_v', 0), 230);
  assert.equal(waves.at(30_000_000).rms('grid_v', 0), 230); // t0 < t
  assert.equal(waves.at(30_000_001).rms('grid_v', 0), 0);
});

test('a stretch that began before now keeps its phase', () => {
  const waves = new Waves();
  waves.replace(0, [wave(0, 100_000, { gridHz: 50.1 })]);
  const before = waves.at(80_000_000).instant('grid_v', 0, 80_000_000);
  waves.replace(40_000, [wave(0, 100_000, { gridHz: 50.1 })]);
  assert.equal(waves.at(80_000_000).instant('grid_v', 0, 80_000_000), before);
});

test('a wave has its borders: the end belongs to it, the beginning does not', () => {
  const waves = new Waves();
  waves.replace(0, [wave(0, 50_000), wave(50_000, 100_000, { gridV: NONE })]);
  assert.equal(waves.at(50_000_000).rms('grid_v', 0), 230);
  assert.equal(waves.at(50_000_001).rms('grid_v', 0), 0);
});

test('zero crossings come every half period, alternating, and not without voltage', () => {
  const waves = new Waves();
  waves.replace(0, [wave(0, 100_000)]);
  const stretch = waves.at(1);
  const found = [];
  const next = (nanos) => stretch.crossing('grid_v', 0, nanos);
  for (let at = next(0); at; at = next(at.nanos)) {
    found.push([Math.round(at.nanos / 1000), at.rising]);
  }
  assert.deepEqual(found.slice(0, 3), [[5000, false], [15_000, true], [25_000, false]]);
  assert.equal(found.length, 10);
  assert.equal(stretch.crossing('grid_v', 1, 0), null);
});
