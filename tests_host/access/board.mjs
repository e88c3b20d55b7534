// islet: the networked image on the emulated chip, its button, lamp and cable, behind two pipes.
// GPL-3.0-or-later
//
// As delivered, with a broker that takes everything. Requests go through the W5500, from any address.

import { Line, Peers } from '../../tools/bench/board/emulated/peers.mjs';
import { Rig } from '../../tools/bench/board/emulated/rig.mjs';
import { told } from '../told.mjs';

const LISTENING = 0x14;
const MOST_MS = 20_000; // for anything that is waited for
const LAMP = 25; // of the module
const CODE = /#{10,}\.+(#[#.]*?\.{7}\.*){4}/; // after a long light four groups, a pause behind each
const MOST_TURNS = 400;
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const rig = Rig.fromFile(process.argv[2]);
const { pico, world } = rig;
const { chip } = rig.board.ethernet;
const peers = new Peers(chip, process.argv[3]);
const heard = []; // by the broker
chip.lan.ends = peers;
peers.overhear = (bytes) => heard.push(...bytes);
let port = 30_000;

const listening = () => chip.sockets.filter(({ state }) => state === LISTENING).length;
const run = (ms, done) => {
  const from = world.nowUs;
  world.run(ms, done);
  return (world.nowUs - from) / 1000;
};

told({
  run,
  ready: () => run(MOST_MS, () => listening() === 4 && peers.heardMs !== null),
  listening,
  button: (pressed) => pico.bootsel(pressed),
  cable: (there) => {
    peers.heardMs = null; // from now on
    chip.plug(there);
  },
  power: () => {
    peers.become('good');
    pico.reset();
  },
  /** Whether the lamp is lit, every 100 ms, until it has told four digits. */
  lamp: () => {
    let seen = '';
    while (!CODE.test(seen) && seen.length < MOST_TURNS) {
      run(100);
      seen += pico.pin(LAMP) ? '#' : '.';
    }
    return seen;
  },
  /** What is answered to a request's bytes; null where no socket listens. */
  asks: (data, ip) => {
    const got = [];
    let over = false;
    const end = () => { over = true; };
    const line = new Line({ data: (_, bytes) => got.push(...bytes), ended: end }, null);
    port += 1;
    line.socket = chip.knock(80, { ip, port }, line);
    if (!line.socket) return null;
    line.say(Buffer.from(data, 'hex'));
    run(MOST_MS, () => over);
    return hex(got);
  },
  type: (text) => pico.type(text),
  console: () => rig.text,
  heard: () => hex(heard),
  car: (volts) => world.set({ pilotHighV: volts }),
  energised: () => rig.level('contactor'),
  /** How long it took until the contactor's coil had this level. */
  until: (level) => run(4 * MOST_MS, () => rig.level('contactor') === level),
  acknowledged: () => rig.field('ACKNOWLEDGE_SEQ'),
});
