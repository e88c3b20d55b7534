// islet: a W5500 with a master that keeps the time, for tests of the chip, of its network and of
// the driver (tests_host/lan, by a pipe).
// GPL-3.0-or-later

import { W5500 } from '../../tools/rp2040/devices/w5500.mjs';
import { Agenda } from '../../tools/rp2040/house/agenda.mjs';
import { Lan } from '../../tools/rp2040/house/lan.mjs';

const BYTE = 512; // ns at 15.6 MHz

/** Ends of TCP connections that a test holds in its hands. */
export class Hands {
  constructor() {
    this.lines = [];
    this.answer = 'connected'; // or 'broken', or nothing at once
  }

  plug(chip) {
    this.chip = chip;
  }

  line(socket) {
    const line = { socket, got: [], log: [], there: true, open: true, takes: () => line.open };
    line.send = (data) => line.got.push(...data);
    line.end = () => line.log.push('end');
    line.abort = () => line.log.push('abort');
    this.lines.push(line);
    return line;
  }

  open(socket, to, port) {
    const line = this.line(socket);
    line.to = `${to}:${port}`;
    if (this.answer) {
      this.chip.after(200e3, () => socket[this.answer]());
    }
    return line;
  }

  knock(port, from = 40_000) {
    const line = this.line(null);
    line.socket = this.chip.knock(port, { ip: '192.168.77.1', port: from }, line);
    return line;
  }
}

export class Bench {
  constructor(options = {}) {
    this.nanos = 0;
    this.agenda = new Agenda();
    const time = {
      now: () => this.nanos,
      after: (nanos, act) => this.agenda.add(this.nanos + nanos, act),
    };
    this.ends = options.ends ?? new Hands();
    this.lan = new Lan(time, { ends: this.ends, hosts: { broker: '192.168.77.20' }, ...options });
    this.chip = new W5500(this.lan, time, { linkNanos: options.linkNanos ?? 1e6 });
    this.int = 1;
    this.chip.onInterrupt = (level) => {
      this.int = level;
    };
    this.pass(2e6);
  }

  /** Time goes by, and what is due happens in its order. */
  pass(nanos) {
    const until = this.nanos + nanos;
    while (this.agenda.dueNanos !== null && this.agenda.dueNanos <= until) {
      this.nanos = Math.max(this.nanos, this.agenda.dueNanos);
      this.agenda.run(this.nanos);
    }
    this.nanos = until;
  }

  frame(bytes, byteNanos = BYTE) {
    this.pass(1000);
    this.chip.select(0, this.nanos);
    const out = [...bytes].map((byte) => {
      this.pass(byteNanos);
      return this.chip.transfer(byte, this.nanos);
    });
    this.pass(500);
    this.chip.select(1, this.nanos);
    return out;
  }

  read(block, at, count = 1) {
    return this.frame([at >> 8, at & 255, block << 3, ...new Array(count).fill(0)]).slice(3);
  }

  write(block, at, ...bytes) {
    this.frame([at >> 8, at & 255, (block << 3) | 4, ...bytes]);
  }
}
