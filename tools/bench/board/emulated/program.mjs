// islet: runs a program on the emulated board in the house that stands still.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/program.mjs SETUP PROGRAM MS [EVSE_A]      PROGRAM -: as delivered
//
// One line of JSON: what the program printed until it said `done` or MS had passed after its
// `running`, and the processor's load meanwhile.

import { Rig } from './rig.mjs';
import { threePhase } from './world.mjs';

const SETTLE_MS = 500;

function main([setup, program, ms, evseA = '0']) {
  const rig = Rig.fromFile(setup);
  rig.calm();
  rig.world.set({ evseA: threePhase(Number(evseA)) });
  if (program === '-') {
    rig.deliver();
  } else {
    rig.start(program);
  }
  rig.world.run(SETTLE_MS);
  const from = { busy: rig.pico.busyNanos, all: rig.pico.nanos };
  rig.world.run(Number(ms), () => rig.text.includes('done'));
  const all = rig.pico.nanos - from.all;
  const load = (rig.pico.busyNanos - from.busy) / all;
  console.log(JSON.stringify({ program, ms: all / 1e6, load, text: rig.text }));
}

main(process.argv.slice(2));
