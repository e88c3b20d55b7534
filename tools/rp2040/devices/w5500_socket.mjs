// islet: one of the eight sockets of a W5500: what its commands do, and what comes to it.
// GPL-3.0-or-later
//
// By the data sheet's commands (Sn_CR) and its state diagram. A command takes effect when its frame
// has ended. Where the data sheet says nothing of an interrupt there is none: a connection that is
// refused shows in Sn_SR alone.

import { CR, DHAR, DIPR, DPORT, KPALVTR, RXBUF, Registers, STATE, TTL, TXBUF } from './w5500_registers.mjs';

const { CLOSED, INIT, LISTEN, SYNSENT, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, UDP } = STATE;
const [CON, DISCON, RECV, TIMEOUT, SEND_OK] = [1, 2, 4, 8, 16];
const [TCP_MODE, UDP_MODE] = [1, 2];
const COMMANDS = {
  0x01: 'open', 0x02: 'listen', 0x04: 'connect', 0x08: 'disconnect', 0x10: 'close', 0x20: 'send',
  0x22: 'keep', 0x40: 'receive',
};
const ACCEPT_NANOS = 1e3; // until Sn_CR is cleared
const BYTE_NANOS = 80; // of 100 Mbit/s
const TRIP_NANOS = 200e3; // there and back on a local network
const KEEP_NANOS = 5e9; // a unit of Sn_KPALVTR
const SEGMENT = 1460;
const RTR_MOST_NANOS = 65_535 * 100e3;
const UDP_HEADER = 8;

export class Socket extends Registers {
  constructor(chip, number) {
    super(chip, number);
    this.line = null; // what the network gave for the connection
    this.waiting = []; // data that the other side holds, for there is no room here
    this.sending = false;
    this.opened = 0; // how often
  }

  clear() {
    super.clear();
    this.ends = false; // the other side has finished, once its data is in
    this.silence = (this.silence ?? 0) + 1; // which one; data ends it
  }

  // --- commands -------------------------------------------------------------------------------

  command(byte) {
    const name = COMMANDS[byte];
    if (!name) {
      this.fail(`command ${byte.toString(16)}`);
    }
    if (this.registers[CR]) {
      this.fail(`${name} while a command is being taken`);
    }
    this.registers[CR] = byte;
    return () => {
      this.chip.after(ACCEPT_NANOS, () => {
        this.registers[CR] = 0;
      });
      this[name]();
    };
  }

  open() {
    for (const at of [RXBUF, TXBUF]) {
      const sum = this.chip.sockets.reduce((kb, { registers }) => kb + registers[at], 0);
      if (sum > 16) {
        this.fail(`buffers of ${sum} kB of 16`);
      }
    }
    if (this.state !== CLOSED) {
      this.fail(`open in state ${this.state.toString(16)}`);
    }
    if (!this.port || (this.mode !== TCP_MODE && this.mode !== UDP_MODE)) {
      this.fail(`open with mode ${this.mode}, port ${this.port}`);
    }
    this.inGroup();
    const { mac } = this.chip.settings;
    if (mac[0] & 1 || mac.every((byte) => byte === 0)) {
      this.fail(`open with the hardware address ${mac}`);
    }
    const taken = this.chip.sockets.some((each) => each.mode === UDP_MODE
      && each.state === UDP && each.port === this.port);
    if (this.mode === UDP_MODE && taken) {
      this.fail(`a second UDP socket at port ${this.port}`);
    }
    this.clear();
    this.opened += 1;
    this.state = this.mode === TCP_MODE ? INIT : UDP;
  }

  /** A group's addresses, by RFC 1112, and its port stand there before a socket is opened. */
  inGroup() {
    const { group, registers } = this;
    if (group === null) {
      return;
    }
    const [first, second, third, fourth] = group.split('.').map(Number);
    const wanted = [1, 0, 0x5e, second & 0x7f, third, fourth].join();
    if (first >> 4 !== 14 || registers.slice(DHAR, DIPR).join() !== wanted || !this.word(DPORT)) {
      this.fail(`group ${group}:${this.word(DPORT)} at ${registers.slice(DHAR, DIPR)}`);
    }
  }

  listen() {
    this.inState('listen', INIT);
    this.state = LISTEN;
  }

  connect() {
    this.inState('connect', INIT);
    const [address, port] = [this.chip.address(), this.word(DPORT)];
    const to = this.address;
    if (address === '0.0.0.0' || to === '0.0.0.0' || to === '255.255.255.255' || !port) {
      this.fail(`connect from ${address} to ${to}:${port}`);
    }
    this.state = SYNSENT;
    const line = this.chip.linked ? this.chip.lan.connect(this, to, port) : null;
    this.line = line;
    if (line === null) {
      this.timeOut();
    }
  }

  inState(name, ...states) {
    if (!states.includes(this.state)) {
      this.fail(`${name} in state ${this.state.toString(16)}`);
    }
  }

  /** Nobody answers: retransmitted, then given up. */
  timeOut(after = () => this.closed()) {
    const { nanos, count } = this.chip.retry;
    const { state, opened } = this;
    this.chip.after(nanos * (count + 1), () => {
      if (this.state === state && opened === this.opened) {
        after();
        this.raise(TIMEOUT);
      }
    });
  }

  disconnect() {
    if (this.state === ESTABLISHED || this.state === CLOSE_WAIT) {
      this.state = this.state === ESTABLISHED ? FIN_WAIT : LAST_ACK;
      this.line.end();
      if (!this.chip.linked) {
        this.timeOut(() => this.close());
      } else if (this.state === LAST_ACK) {
        this.chip.after(TRIP_NANOS, () => this.state === LAST_ACK && this.closed(DISCON));
      } // else it waits for the other side, without end
    } else if (this.state !== CLOSED) {
      this.closed();
    }
  }

  /** At once, and nobody is told: what still comes is answered by a reset. */
  close() {
    this.line?.abort();
    this.closed();
  }

  closed(bit = 0) {
    this.line = null;
    this.waiting = [];
    this.sending = false;
    this.state = CLOSED;
    if (bit) {
      this.raise(bit);
    }
  }

  /** The chip is reset. */
  vanish() {
    this.line?.abort();
    this.line = null;
  }

  send() {
    if (this.state === CLOSED) {
      return; // the other side may have closed meanwhile
    }
    this.inState('send', ESTABLISHED, CLOSE_WAIT, UDP, FIN_WAIT);
    if (this.sending) {
      this.fail('send before the last one is done');
    }
    const size = (this.txWrite - this.txRead) & 0xffff;
    if (size > this.tx.size) {
      this.fail(`send of ${size} bytes from a buffer of ${this.tx.size}`);
    }
    const data = Uint8Array.from({ length: size }, (_, i) => this.tx.at(this.txRead + i));
    this.sent = this.txWrite;
    this.sending = true;
    if (this.state === UDP) {
      this.sendTo(data);
    } else {
      this.sendOn(data);
    }
  }

  sendTo(data) {
    const to = { ip: this.address, port: this.word(DPORT) };
    if (!to.port || to.ip === '0.0.0.0') {
      this.fail(`a datagram to ${to.ip}:${to.port}`);
    }
    if (data.length > SEGMENT + 12) {
      this.fail(`a datagram of ${data.length} bytes: there are no fragments`);
    }
    const groups = Number(to.ip.split('.')[0]) >> 4 === 14;
    if (groups !== (this.group !== null)) {
      this.fail(`a datagram to ${to.ip} with MULTI ${this.group !== null}`);
    }
    const done = () => {
      this.txRead = this.sent;
      this.sending = false;
    };
    const { opened } = this;
    const from = { ip: this.chip.address(), port: this.port, ttl: this.registers[TTL] };
    // a group needs no question for a hardware address
    if (this.chip.linked && (groups || this.chip.lan.reaches(this.chip.settings, to.ip))) {
      this.chip.after(data.length * BYTE_NANOS + 10e3, () => {
        if (opened !== this.opened) {
          return; // closed meanwhile
        }
        done();
        this.raise(SEND_OK);
        this.chip.lan.datagram(from, to, data);
      });
    } else {
      this.timeOut(done);
    }
  }

  sendOn(data) {
    const { line } = this;
    const give = () => {
      if (this.line !== line || !line) {
        return; // closed meanwhile
      }
      if (!this.answers || !line.takes()) {
        this.retrySend(give, data.length);
        return;
      }
      line.send(data);
      this.txRead = this.sent;
      this.sending = false;
      this.raise(SEND_OK);
      this.watch();
    };
    this.retried = 0;
    this.chip.after(data.length * BYTE_NANOS + TRIP_NANOS, give);
  }

  /** Nobody acknowledges: longer and longer, then it is over; a window of nought may last. */
  retrySend(give) {
    const { count } = this.chip.retry;
    if (this.answers) {
      this.chip.after(TRIP_NANOS, give);
    } else if (this.retried >= count) {
      this.line.abort();
      this.closed(TIMEOUT);
    } else {
      this.chip.after(this.waits[this.retried], give);
      this.retried += 1;
    }
  }

  /** Without effect where the chip does it by itself (Sn_KPALVTR). */
  keep() {
    if (this.state === ESTABLISHED && !this.registers[KPALVTR]) {
      if (!this.txRead && !this.rxWrite) {
        this.fail('a keep-alive before any data');
      }
      this.ask();
    }
  }

  /** Data went or came: after so long a silence the other side is asked whether it is there. */
  watch() {
    this.silence += 1;
    const { silence } = this;
    const nanos = this.registers[KPALVTR] * KEEP_NANOS;
    if (nanos) {
      this.chip.after(nanos, () => silence === this.silence && this.ask());
    }
  }

  /** A packet of one byte, again and again for TCP_TO (4.1, RCR) while nobody answers. */
  ask(tries = 0) {
    const { silence, waits } = this;
    if (this.state !== ESTABLISHED) {
      return;
    }
    if (this.answers) {
      this.watch();
    } else if (tries === waits.length) {
      this.line.abort();
      this.closed(TIMEOUT);
    } else {
      this.chip.after(waits[tries], () => silence === this.silence && this.ask(tries + 1));
    }
  }

  /** The other side acknowledges what it gets, whether or not it has room for it. */
  get answers() {
    return this.chip.linked && this.line.there !== false;
  }

  /** How long each try of a packet waits: ever twice as long, as far as RTR could say it. */
  get waits() {
    const { nanos, count } = this.chip.retry;
    let most = nanos;
    while (most * 2 <= RTR_MOST_NANOS) {
      most *= 2;
    }
    return Array.from({ length: count + 1 }, (_, n) => Math.min(nanos * 2 ** n, most));
  }

  receive() {
    if (this.state === CLOSED) {
      return;
    }
    const taken = (this.rxRead - this.told) & 0xffff;
    if (taken > this.received) {
      this.fail(`${taken} bytes taken of ${this.received} received`);
    }
    this.told = this.rxRead;
    this.fill();
  }

  // --- what comes from the network ------------------------------------------------------------

  listens(port) {
    return this.state === LISTEN && this.port === port;
  }

  /** `group`: to which a datagram is, null: to this chip. */
  hears(port, group) {
    return this.state === UDP && this.port === port && (!group || this.group === group);
  }

  accept(remote, line) {
    this.registers.set(remote.ip.split('.').map(Number), DIPR);
    this.registers.set([remote.port >> 8, remote.port & 0xff], DPORT);
    this.line = line;
    this.connected();
    return this;
  }

  connected() {
    this.clear();
    this.state = ESTABLISHED;
    this.raise(CON);
  }

  /** The other side answers a connection with a reset, or breaks it. */
  broken() {
    const silent = this.state === SYNSENT;
    this.closed(silent ? 0 : DISCON);
  }

  arrived(data) {
    this.waiting.push(data);
    this.fill();
  }

  /** The other side has finished. */
  finished() {
    this.ends = true;
    this.fill();
  }

  /** As much as there is room for. */
  fill() {
    let came = false;
    while (this.waiting.length && this.received < this.rx.size) {
      const [data] = this.waiting;
      const count = Math.min(data.length, this.rx.size - this.received);
      this.keepBytes(data.subarray(0, count));
      came = true;
      if (count === data.length) {
        this.waiting.shift();
      } else {
        this.waiting[0] = data.subarray(count);
      }
    }
    if (came) {
      this.raise(RECV);
      this.watch();
    }
    if (this.ends && !this.waiting.length) {
      this.ends = false;
      if (this.state === ESTABLISHED) {
        this.state = CLOSE_WAIT;
        this.raise(DISCON);
      } else if (this.state === FIN_WAIT) {
        this.closed(DISCON);
      }
    }
  }

  /** Data that finds no room is held by the other side up to what a window lets it send. */
  get full() {
    return this.waiting.reduce((bytes, data) => bytes + data.length, 0) > 16 * 1024;
  }

  /** A datagram, with its sender's address and its length before it; lost without room. */
  datagram(from, data) {
    if (this.received + UDP_HEADER + data.length > this.rx.size) {
      return;
    }
    const { port } = from;
    const size = data.length;
    this.keepBytes([...from.ip.split('.').map(Number), port >> 8, port & 0xff, size >> 8, size & 0xff]);
    this.keepBytes(data);
    this.raise(RECV);
  }
}
