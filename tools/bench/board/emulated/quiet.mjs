// islet: minutes of operation as delivered, in which nothing happens: nothing may act.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/quiet.mjs SETUP MINUTES

import { Rig } from './rig.mjs';
import { threePhase } from './world.mjs';

const SECONDS = 60;

function main([setup, minutes]) {
  const rig = Rig.fromFile(setup);
  rig.calm();
  rig.world.set({ evseA: threePhase(10) });
  rig.deliver();
  rig.world.run(1000);
  let falls = 0;
  rig.pico.onPin(rig.board.wiring.dead_man.pin, (level) => {
    falls += level === 1 ? 0 : 1;
  });
  const from = rig.world.nowUs;
  for (let second = 0; second < Number(minutes) * SECONDS; second++) {
    rig.world.run(1000);
    if (second % SECONDS === 0) {
      process.stderr.write(`${second / SECONDS} of ${minutes} min\n`);
    }
  }
  console.log(JSON.stringify({
    minutes: (rig.world.nowUs - from) / 60e6,
    dead_man_falls: falls,
    resets: rig.pico.resets,
    steps: rig.board.beacon.steps,
  }));
}

main(process.argv.slice(2));
