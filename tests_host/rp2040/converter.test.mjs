// islet: the errors of the converter.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Converter, IDEAL } from '../../tools/rp2040/converter.mjs';

const QUIET = { noiseLsb: 0 };

test('an ideal one rounds down to 4096 codes and stops at the ends', () => {
  const adc = new Converter(IDEAL);
  assert.deepEqual([-5, 0, 0.99, 1, 2047.5, 4095, 9999].map((code) => adc.ofCode(code)),
    [0, 0, 0, 1, 2047, 4095, 4095]);
  assert.equal(adc.ofVolts(1.65), 2048);
});

test('E11 makes four codes about nine LSB too wide and keeps the ends', () => {
  const adc = new Converter({ ...IDEAL, stepsLsb: [10, 9, 9, 10] });
  const width = new Float64Array(4096);
  for (let code = 0; code < 4096; code += 0.05) {
    width[adc.ofCode(code)] += 0.05;
  }
  const wide = [...width.keys()].filter((code) => width[code] > 2);
  assert.deepEqual(wide, [512, 1536, 2560, 3584]);
  assert.ok(Math.abs(width[1536] - 1 - 8.9) < 0.2, `DNL ${width[1536] - 1}`);
  const worst = Math.max(...[...Array(4096).keys()].map((c) => Math.abs(adc.ofCode(c + 0.5) - c)));
  assert.ok(worst >= 4 && worst <= 8, `INL ${worst}`); // published: 7.85
});

test('by default it reads as the mean of five boards did', () => {
  const adc = new Converter(QUIET);
  for (const [truth, reading] of [[0, 15], [256, 270], [1000, 1005], [2048, 2048], [3000, 2993],
    [4000, 3986]]) {
    assert.ok(Math.abs(adc.ofCode(truth) - reading) <= 2.5, `${truth}: ${adc.ofCode(truth)}`);
  }
});

test('noise has the spread it should, and the seed decides it', () => {
  const run = (seed) => {
    const adc = new Converter({ ...IDEAL, noiseLsb: 3, seed });
    return Array.from({ length: 20000 }, () => adc.ofCode(2000.5));
  };
  const values = run(1);
  const mean = values.reduce((a, b) => a + b) / values.length;
  const spread = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  assert.ok(Math.abs(mean - 2000) < 0.1 && Math.abs(spread - 3) < 0.1, `${mean} ± ${spread}`);
  assert.deepEqual(run(1), values);
  assert.notDeepEqual(run(2), values);
});

test('a misspelt option is refused with the names there are', () => {
  assert.throws(() => new Converter({ noise: 1 }), /no such option: noise; there are .*noiseLsb/);
});
