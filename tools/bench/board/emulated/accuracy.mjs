// islet: what the chip says it measures, beside what the world was.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/accuracy.mjs SETUP
//
// One line of JSON for each operating point: truth and the readings of the process image, each the
// mean and the extremes of READINGS readings, 100 ms apart.

import { Rig } from './rig.mjs';
import { threePhase } from './world.mjs';

const SETTLE_MS = 2500; // windows, offset tracking and the metering chips' own averaging
const READINGS = 12;
const FULL_A = 100; // primary of the transformers
const POINTS = [
  ...[5, 10, 20, 40, 70, 100].map((percent) => ({ percent, lagDeg: 0, hz: 50 })),
  ...[-36.87, 36.87, 180].map((lagDeg) => ({ percent: 40, lagDeg, hz: 50 })), // power factor 0.8
  ...[47.53, 49.9, 50.07, 51.99, 60].map((hz) => ({ percent: 40, lagDeg: 0, hz })),
];
const FIELDS = [
  ['fast_ma', 'POINT_FAST_MA', 0],
  ['evse_ma', 'DEVICE_MA', 1],
  ['node_ma', 'NODE_MA', 2],
  ['node_w', 'NODE_W', 0],
  ['grid_mv', 'GRID_MV', 1],
  ['grid_mhz', 'GRID_MHZ', 0],
  ['crossing_mhz', 'CROSSING_MHZ', 0],
];

function truth(rig) {
  const stretch = rig.board.waves.at(rig.world.nowUs * 1000);
  const volts = stretch.phasor('grid_v', 0);
  const amps = stretch.phasor('main_ct', 0);
  const { voltage, current } = stretch.harmonics;
  let watts = 0;
  for (const [order, weight] of voltage) {
    const other = current.find(([n]) => n === order);
    if (other) {
      watts += weight * other[1] * volts.rms * amps.rms * Math.cos(order * (volts.rad - amps.rad));
    }
  }
  return {
    evse_a: stretch.rms('evse_ct', 0),
    main_a: stretch.rms('main_ct', 0),
    grid_v: stretch.rms('grid_v', 0),
    watts,
    hz: stretch.hz('grid_v'),
  };
}

function point(rig, { percent, lagDeg, hz }) {
  const amps = (FULL_A * percent) / 100;
  const lag = (lagDeg * Math.PI) / 180;
  rig.world.set({
    evseA: threePhase(amps), mainA: threePhase(amps, lag), gridHz: hz, houseHz: hz,
  });
  rig.world.run(SETTLE_MS);
  const found = FIELDS.filter(([, field]) => field in rig.fields);
  const rows = Object.fromEntries(found.map(([name]) => [name, []]));
  for (let i = 0; i < READINGS; i++) {
    rig.world.run(100);
    for (const [name, field, index] of found) {
      rows[name].push(rig.field(field, index));
    }
  }
  return { percent, lag_deg: lagDeg, hz, truth: truth(rig), readings: rows };
}

function main([setup]) {
  const rig = Rig.fromFile(setup);
  rig.world.run(8000, () => rig.board.beacon.at >= 0 && rig.board.beacon.steps > 5);
  for (const each of POINTS) {
    console.log(JSON.stringify(point(rig, each)));
  }
}

main(process.argv.slice(2));
