// islet: the emulated board in lockstep with the simulated house, on virtual time.
// GPL-3.0-or-later
//
// Takes the place of the unix interpreter: same link (ISLET_LINK_IN, ISLET_LINK_OUT), same exit
// codes. ISLET_SETUP names a JSON file (tools/twin/chips.py writes it). The console's text goes to
// standard output.

import fs from 'node:fs';
import { Board } from './house/board.mjs';
import { Link, START } from './house/link.mjs';

const EXIT_LINK = 70; // the twin went away

function main() {
  const { ISLET_SETUP: path, ISLET_LINK_IN: pathIn, ISLET_LINK_OUT: pathOut } = process.env;
  if (!path || !pathIn || !pathOut) {
    console.error('lockstep.mjs is started by `python -m tools.twin --board rp2040`');
    return 2;
  }
  const setup = JSON.parse(fs.readFileSync(path, 'utf8'));
  const board = new Board(setup, (text) => fs.writeSync(1, text));
  const link = new Link(pathIn, pathOut);
  let message = { us: 0, why: START, items: [] };
  for (;;) {
    const answer = link.exchange(message);
    if (answer === null) {
      return EXIT_LINK;
    }
    if (answer.items.some((item) => item.kind === 'Quit')) {
      return 0;
    }
    board.take(answer);
    message = board.run(answer.untilUs);
  }
}

process.exit(main());
