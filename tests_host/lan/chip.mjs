// islet: the emulated W5500 with its small network behind two pipes, for a driver on CPython.
// GPL-3.0-or-later
//
// A Forbidden ends it with its words.

import { Bench } from '../rp2040/w5500_bench.mjs';
import { told } from '../told.mjs';

const given = JSON.parse(process.argv[2] ?? '{}');
const bench = new Bench({ linkNanos: 1e9, ...given, unixMs: () => given.unixMs ?? 0 });
const lies = [];
bench.lan.lie = (kind, bytes) => {
  const lie = lies.length && lies[0][0] === kind ? lies.shift()[1] : undefined;
  return lie === undefined ? bytes : lie && Uint8Array.from(Buffer.from(lie, 'hex'));
};
const { chip, ends, lan } = bench;
const line = (i) => ends.lines[i];

const DO = {
  at: (nanos) => bench.pass(Math.max(0, nanos - bench.nanos)),
  select: (level) => {
    bench.pass(500);
    chip.select(level, bench.nanos);
  },
  exchange: (hex) => Buffer.from(Buffer.from(hex, 'hex').map((byte) => {
    bench.pass(512);
    return chip.transfer(byte, bench.nanos);
  })).toString('hex'),
  int: () => bench.int,
  reset: (level) => chip.resetPin(level, bench.nanos),
  nanos: () => bench.nanos,
  frames: () => chip.frames,
  cable: (there) => chip.plug(there),
  forget: () => chip.brownOut(),
  conflict: () => chip.conflict(),
  lease: (changes) => Object.assign(lan.lease, changes),
  silent: (...kinds) => { lan.silent = new Set(kinds); },
  lie: (kind, hex) => lies.push([kind, hex]),
  heard: () => lan.heard.splice(0),
  group: () => lan.group.splice(0).map((data) => Buffer.from(data).toString('hex')),
  replies: () => lan.replies.splice(0).map(([ip, port, data]) => (
    [ip, port, Buffer.from(data).toString('hex')])),
  tell: (hex, ip, port) => lan.say(Uint8Array.from(Buffer.from(hex, 'hex')), { ip, port }),
  named: () => lan.named,
  settings: () => ({ ...chip.settings, mask: [...chip.settings.mask], mac: [...chip.settings.mac] }),
  states: () => chip.sockets.map(({ state }) => state),
  answer: (how) => { ends.answer = how; },
  knock: (port) => {
    const made = ends.knock(port);
    return made.socket ? ends.lines.length - 1 : -1;
  },
  say: (i, hex) => line(i).socket.arrived(Uint8Array.from(Buffer.from(hex, 'hex'))),
  finish: (i) => line(i).socket.finished(),
  break: (i) => line(i).socket.broken(),
  stall: (i, closed) => { line(i).open = !closed; },
  vanish: (i) => { line(i).there = false; },
  got: (i) => Buffer.from(line(i).got.splice(0)).toString('hex'),
  log: (i) => line(i).log,
  lines: () => ends.lines.map(({ to }) => to ?? ''),
};

told(DO);
