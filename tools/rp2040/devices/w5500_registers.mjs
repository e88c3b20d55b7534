// islet: a socket of a W5500 as its frames see it: registers and two buffers.
// GPL-3.0-or-later
//
// By the data sheet's description of Sn_MR to Sn_KPALVTR.

const MR = 0x00;
export const CR = 0x01;
const IR = 0x02;
const SR = 0x03;
const PORT = 0x04;
export const DHAR = 0x06;
export const DIPR = 0x0c;
export const DPORT = 0x10;
export const RXBUF = 0x1e;
export const TXBUF = 0x1f;
export const TTL = 0x16;
const TX_FSR = 0x20;
const TX_RD = 0x22;
const TX_WR = 0x24;
const RX_RSR = 0x26;
const RX_RD = 0x28;
const RX_WR = 0x2a;
const IMR = 0x2c;
export const KPALVTR = 0x2f;
const LAST = KPALVTR;
const RESERVED = new Set([0x14, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d]);
const READ_ONLY = new Set([
  SR, TX_FSR, TX_FSR + 1, TX_RD, TX_RD + 1, RX_RSR, RX_RSR + 1, RX_WR, RX_WR + 1,
]);
const KB = [0, 1, 2, 4, 8, 16];

/** Of Sn_SR. */
export const STATE = {
  CLOSED: 0x00, INIT: 0x13, LISTEN: 0x14, SYNSENT: 0x15, SYNRECV: 0x16, ESTABLISHED: 0x17,
  FIN_WAIT: 0x18, TIME_WAIT: 0x1b, CLOSE_WAIT: 0x1c, LAST_ACK: 0x1d, UDP: 0x22,
};
const { CLOSED, INIT, UDP } = STATE;

/** What the master did that the data sheet does not allow. */
export class Forbidden extends Error {
  constructor(text) {
    super(`W5500: ${text}`);
  }
}

/** A block of the buffer memory, addressed modulo its size. */
class Buffer {
  constructor() {
    this.resize(2);
  }

  resize(kb) {
    this.size = kb * 1024;
    this.bytes = new Uint8Array(this.size);
  }

  at(address) {
    return this.bytes[address & (this.size - 1)];
  }

  put(address, byte) {
    if (!this.size) {
      throw new Forbidden('a buffer of 0 kB is written');
    }
    this.bytes[address & (this.size - 1)] = byte;
  }
}

/** What a frame reads and writes of a socket; `command(byte)` is up to who extends it. */
export class Registers {
  constructor(chip, number) {
    this.chip = chip;
    this.number = number;
    this.registers = new Uint8Array(LAST + 1);
    this.registers.fill(0xff, 0x06, 0x0c);
    this.registers[TTL] = 0x80;
    this.registers[RXBUF] = this.registers[TXBUF] = 2;
    this.registers[IMR] = 0xff;
    this.registers[0x2d] = 0x40;
    this.tx = new Buffer();
    this.rx = new Buffer();
    this.clear();
  }

  clear() {
    this.txRead = this.txWrite = this.sent = 0;
    this.rxRead = this.rxWrite = this.told = 0;
  }

  get ir() {
    return this.registers[IR];
  }

  get state() {
    return this.registers[SR];
  }

  set state(value) {
    this.registers[SR] = value;
  }

  get port() {
    return this.word(PORT);
  }

  get mode() {
    return this.registers[MR] & 0x0f;
  }

  /** Sn_MR(MULTI): the group of a UDP socket, null: of none. */
  get group() {
    return this.mode === 2 && this.registers[MR] & 0x80 ? this.address : null;
  }

  /** Sn_DIPR. */
  get address() {
    return this.registers.slice(DIPR, DIPR + 4).join('.');
  }

  get received() {
    return (this.rxWrite - this.told) & 0xffff;
  }

  get free() {
    return this.tx.size - ((this.sent - this.txRead) & 0xffff);
  }

  word(at) {
    return (this.registers[at] << 8) | this.registers[at + 1];
  }

  fail(text) {
    throw new Forbidden(`socket ${this.number}: ${text}`);
  }

  read(at) {
    if (at > LAST || RESERVED.has(at)) {
      this.fail(`register ${at.toString(16)} is reserved`);
    }
    const words = {
      [TX_FSR]: this.free, [TX_RD]: this.txRead, [TX_WR]: this.txWrite,
      [RX_RSR]: this.received, [RX_RD]: this.rxRead, [RX_WR]: this.rxWrite,
    };
    const value = words[at & ~1];
    return at >= TX_FSR && value !== undefined ? (at & 1 ? value & 0xff : value >> 8)
      : this.registers[at];
  }

  /** A register is written; what a command does when the frame has ended. */
  write(at, byte) {
    if (at > LAST || RESERVED.has(at) || READ_ONLY.has(at)) {
      this.fail(`register ${at.toString(16)} is written`);
    }
    if (at === CR) {
      return this.command(byte);
    }
    if (at === IR) {
      this.registers[IR] &= ~byte;
      this.chip.interrupt();
    } else if (at === TX_WR || at === TX_WR + 1) {
      this.txWrite = at === TX_WR ? (byte << 8) | (this.txWrite & 0xff)
        : (this.txWrite & 0xff00) | byte;
    } else if (at === RX_RD || at === RX_RD + 1) {
      this.rxRead = at === RX_RD ? (byte << 8) | (this.rxRead & 0xff)
        : (this.rxRead & 0xff00) | byte;
    } else if (at === RXBUF || at === TXBUF) {
      this.resize(at, byte);
    } else {
      if (this.state !== CLOSED && at !== IMR && at !== KPALVTR
          && !(this.state === INIT || this.state === UDP)) {
        this.fail(`register ${at.toString(16)} is written while it is open`);
      }
      this.registers[at] = byte;
    }
    return null;
  }

  resize(at, kb) {
    if (!KB.includes(kb) || this.state !== CLOSED) {
      this.fail(`a buffer of ${kb} kB in state ${this.state.toString(16)}`);
    }
    this.registers[at] = kb;
    (at === RXBUF ? this.rx : this.tx).resize(kb);
  }

  /** An interrupt, unless it is masked. */
  raise(bit) {
    this.registers[IR] |= bit & this.registers[IMR];
    this.chip.interrupt();
  }

  /** Bytes that have come. */
  keepBytes(data) {
    for (const byte of data) {
      this.rx.put(this.rxWrite, byte);
      this.rxWrite = (this.rxWrite + 1) & 0xffff;
    }
  }
}
