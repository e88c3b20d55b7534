// islet: every edge of every output from power-up until control runs.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/reset.mjs SETUP [TIMES]
//
// One line of JSON for each start: when control first ran, and the edges of the outputs until a
// second after it; half of the starts are resets by the RUN pin in the middle of operation.

import { Rig } from './rig.mjs';

const LONGEST_MS = 10_000;
const AFTER_MS = 1000;

function start(rig, reason) {
  const { pico, board, world } = rig;
  const edges = [];
  const rows = [...board.wiring.outputs, { name: 'dead_man', pin: board.wiring.dead_man.pin }];
  const from = pico.nanos;
  const forget = rows.map(({ name, pin }) =>
    pico.onPin(pin, (level, nanos) => edges.push([name, level, (nanos - from) / 1e6])));
  world.run(1); // a reset takes effect
  world.run(LONGEST_MS, () => board.beacon.steps > 0);
  const control = (pico.nanos - from) / 1e6;
  world.run(AFTER_MS);
  forget.forEach((off) => off());
  console.log(JSON.stringify({ reason, control_ms: control, edges }));
}

function main([setup, times = '2']) {
  const rig = Rig.fromFile(setup);
  start(rig, 'power');
  for (let i = 1; i < Number(times); i++) {
    rig.world.run(rig.between(500, 3000));
    rig.pico.reset('run');
    start(rig, 'run');
  }
}

main(process.argv.slice(2));
