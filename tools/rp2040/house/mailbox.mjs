// islet: a mailbox on the chip's bus, through which tools/rp2040/device/socket.py reaches the link.
// GPL-3.0-or-later
//
// No RP2040 has this. It stands in for the network chip that a plain Pico lacks, at an address
// where the RP2040 has nothing. One word each:
//
//    0 r   "isln"                                5 w   1 open, 2 send, 3 close, 4 listen, 5 deaf
//    1 rw  the connection spoken of              6 rw  the port spoken of
//    2 r   its state: waiting bytes, flags       7 r   number of the connection just opened, or -1
//    3 r   its next byte                         8 r   a connection accepted at the port, or -1
//    4 w   a byte to be sent                     9 r   minutes since 2020-01-01 UTC, or -1
//                                               10 r   how many wait to be accepted at the port

import { BasePeripheral } from '../rp2040js.mjs';
import { TwinTells } from './twin_tells.mjs';

/** Where it lies: between VREG_AND_CHIP_RESET and TBMAN. */
export const MAILBOX = 0x40068;
const MAGIC = 0x69736c6e;
const NONE = 0xffffffff;
const CONNECTIONS = 128; // ours are below, those the twin opens from here on
const MOST_WAITING = 0xffff;
const ENDED = 1 << 16;
const REFUSED = 1 << 17;
const SEGMENT = 1400;

class Connection {
  constructor() {
    this.received = [];
    this.at = 0; // read from the first chunk
    this.waiting = 0; // bytes
    this.ended = false;
    this.refused = false;
  }
}

/** The mailbox's memory; it outlives the chip's reset only as far as the date goes. */
export class Mailbox extends TwinTells {
  /**
   * @param {(item: object) => void} say an item for the link
   * @param {() => number} nanos the time
   */
  constructor(say, nanos) {
    super();
    this.say = say;
    this.nanos = nanos;
    this.minutes = NONE;
    this.minutesNanos = 0;
    this.reset();
  }

  reset() {
    this.connections = new Map();
    this.accepted = new Map(); // port -> numbers of connections that wait
    this.forget();
    this.conn = this.port = 0;
    this.opened = NONE;
    this.outbox = [];
  }

  /** Put it on the bus of a chip. */
  attach(mcu) {
    const peripheral = new BasePeripheral(mcu, 'MAILBOX');
    peripheral.readUint32 = (offset) => this.read(offset >> 2) >>> 0;
    peripheral.writeUint32 = (offset, value) => this.write(offset >> 2, value);
    mcu.peripherals[MAILBOX] = peripheral;
  }

  // --- the chip's side ------------------------------------------------------------------------

  read(word) {
    switch (word) {
      case 0: return MAGIC;
      case 1: return this.conn;
      case 2: return this.state();
      case 3: return this.nextByte();
      case 6: return this.port;
      case 7: return this.opened;
      case 8: return this.accepted.get(this.port)?.shift() ?? NONE;
      case 9: return this.date();
      case 10: return this.accepted.get(this.port)?.length ?? 0;
      default: return 0;
    }
  }

  write(word, value) {
    switch (word) {
      case 1: this.conn = value & 0xff; break;
      case 4: this.outbox.push(value & 0xff); break;
      case 5: this.command(value); break;
      case 6: this.port = value & 0xffff; break;
      default:
    }
  }

  command(value) {
    const { conn, port } = this;
    switch (value) {
      case 1:
        this.open();
        break;
      case 2:
        for (const data = this.outbox.splice(0); data.length;) {
          this.say({ kind: 'NetTx', conn, data: Uint8Array.from(data.splice(0, SEGMENT)) });
        }
        break;
      case 3:
        if (this.connections.delete(conn)) {
          this.say({ kind: 'NetClose', conn });
        }
        break;
      case 4:
        this.accepted.set(port, this.accepted.get(port) ?? []);
        break;
      case 5:
        this.accepted.delete(port);
        break;
      default:
    }
  }

  open() {
    let conn = 0;
    while (this.connections.has(conn)) {
      conn += 1;
    }
    this.opened = conn < CONNECTIONS ? conn : NONE;
    if (conn < CONNECTIONS) {
      this.conn = conn;
      this.connections.set(conn, new Connection());
      this.say({ kind: 'NetOpen', conn, port: this.port });
    }
  }

  state() {
    const found = this.connections.get(this.conn);
    if (!found) {
      return ENDED;
    }
    return Math.min(found.waiting, MOST_WAITING) | (found.ended ? ENDED : 0)
      | (found.refused ? REFUSED : 0);
  }

  nextByte() {
    const found = this.connections.get(this.conn);
    if (!found?.waiting) {
      return 0;
    }
    const byte = found.received[0][found.at];
    found.waiting -= 1;
    found.at += 1;
    if (found.at === found.received[0].length) {
      found.received.shift();
      found.at = 0;
    }
    return byte;
  }

  date() {
    if (this.minutes === NONE) {
      return NONE;
    }
    return this.minutes + Math.floor((this.nanos() - this.minutesNanos) / 60e9);
  }

  // --- the twin's side ------------------------------------------------------------------------

  told(item, agenda) {
    if (item.kind === 'Rtc') {
      this.minutes = item.minutes;
      this.minutesNanos = this.nanos();
    } else {
      super.told(item, agenda);
    }
  }

  refused(conn) {
    if (this.connections.has(conn)) {
      Object.assign(this.connections.get(conn), { refused: true, ended: true });
    }
  }

  received(conn, data) {
    const found = this.connections.get(conn);
    if (found) { // else closed by us in the meantime
      found.received.push(data);
      found.waiting += data.length;
    }
  }

  accept({ conn, port }) {
    const waiting = this.accepted.get(port);
    if (waiting) {
      this.connections.set(conn, new Connection());
      waiting.push(conn);
    } else {
      this.say({ kind: 'NetClose', conn }); // nobody listens
    }
  }

  ended(conn) {
    if (this.connections.has(conn)) {
      this.connections.get(conn).ended = true;
    }
  }
}
