// islet: the Ethernet chip W5500 as its data sheet describes it: registers and buffers behind an SPI.
// GPL-3.0-or-later
//
// Written from the data sheet (WIZnet, version 1.0.9), not from a driver. Here are the SPI frames,
// the common registers, the interrupt pin and reset; a socket is w5500_socket.mjs. What is at the
// other end of the cable is the `lan` (tools/rp2040/house/lan.mjs). Times are nanoseconds.
//
// Strict: what the data sheet forbids, reserves or leaves undefined throws, and so ends the run.
//
// Not modelled: MACRAW, PPPoE, wake on LAN, the messages of IGMP, fragments, INTLEVEL, power-down modes of the PHY.

import { Forbidden } from './w5500_registers.mjs';
import { Socket } from './w5500_socket.mjs';

const SOCKETS = 8;
const BYTE_NANOS = 240; // 8 bits at the 33.3 MHz that are guaranteed (5.5.4)
const CS_HIGH_NANOS = 30;
const RESET_NANOS = 500e3; // RSTn low, at least (5.5.1)
const LOCK_NANOS = 1e6; // from there until the PLL is locked
const LINK_NANOS = 1.5e9; // auto-negotiation: seconds in practice

const MR = 0x00;
const GAR = 0x01;
const SUBR = 0x05;
const SHAR = 0x09;
const SIPR = 0x0f;
const INTLEVEL = 0x13;
const IR = 0x15;
const IMR = 0x16;
const SIR = 0x17;
const SIMR = 0x18;
const RTR = 0x19;
const RCR = 0x1b;
const PHYCFGR = 0x2e;
const LAST_BEFORE_RESERVED = PHYCFGR;
const VERSIONR = 0x39;
const READ_ONLY = new Set([SIR, VERSIONR, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d]);
const RST = 0x80;
const PING_BLOCK = 0x10;
const FULL_100 = 0x06; // DPX, SPD
const LINK = 0x01;

const word = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];

/** The chip. Wire it to select(), transfer(), resetPin(); its INTn is told to onInterrupt. */
export class W5500 {
  /**
   * @param {object} lan what its cable goes to; see lan.mjs for what a chip asks of it
   * @param {{now: () => number, after: (nanos: number, act: () => void) => void}} time
   * @param {{linkNanos?: number}} options how long the link takes to come up
   */
  constructor(lan, time, { linkNanos = LINK_NANOS } = {}) {
    this.lan = lan;
    this.time = time;
    this.linkNanos = linkNanos;
    this.cable = true;
    this.onInterrupt = () => {}; // (level) of INTn
    this.selected = false;
    this.releasedNanos = -Infinity;
    this.resetSince = null; // RSTn is low since
    this.epoch = 0; // what was begun before a reset does not happen
    this.frames = 0;
    this.sockets = [];
    lan.plug(this);
    this.reset();
    this.deafUntil = 0;
  }

  // --- reset, link, interrupt -----------------------------------------------------------------

  reset() {
    this.epoch += 1;
    this.sockets.forEach((socket) => socket.vanish());
    this.registers = new Uint8Array(0x40);
    this.registers.set([0x07, 0xd0, 0x08, 0x28], RTR);
    this.registers.set([0xff, 0xff], 0x26);
    this.registers[VERSIONR] = 0x04;
    this.registers[PHYCFGR] = 0xb8;
    this.sockets = Array.from({ length: SOCKETS }, (_, n) => new Socket(this, n));
    this.deafUntil = this.time.now() + LOCK_NANOS;
    this.negotiate();
    this.interrupt();
  }

  /** A dip of its supply, of which its master knows nothing. */
  brownOut() {
    this.reset();
    this.deafUntil = 0;
  }

  negotiate() {
    this.registers[PHYCFGR] &= ~(LINK | FULL_100);
    const turn = this.turn = (this.turn ?? 0) + 1;
    if (this.cable) {
      this.time.after(this.linkNanos, () => {
        if (turn === this.turn && this.cable) {
          this.registers[PHYCFGR] |= LINK | FULL_100;
        }
      });
    }
  }

  /** The cable is put in or pulled out. */
  plug(there) {
    this.cable = there;
    this.negotiate();
  }

  get linked() {
    return (this.registers[PHYCFGR] & LINK) !== 0;
  }

  /** RSTn takes a level; one that is not driven is pulled up. */
  resetPin(level, nanos) {
    if (level === 0) {
      this.resetSince = nanos;
    } else if (this.resetSince !== null) {
      if (nanos - this.resetSince < RESET_NANOS) {
        throw new Forbidden(`RSTn low for ${nanos - this.resetSince} ns only`);
      }
      this.resetSince = null;
      this.reset();
    }
  }

  /** Something has changed that INTn may show. */
  interrupt() {
    const { registers } = this;
    registers[SIR] = this.sockets.reduce((bits, { ir }, n) => bits | (ir ? 1 << n : 0), 0);
    const asked = (registers[IR] & registers[IMR]) | (registers[SIR] & registers[SIMR]);
    this.onInterrupt(asked ? 0 : 1);
  }

  /** An event after a time, unless the chip is reset before. */
  after(nanos, act) {
    const { epoch } = this;
    this.time.after(nanos, () => epoch === this.epoch && act());
  }

  // --- what sockets and the network ask -------------------------------------------------------

  address(at = SIPR) {
    return this.registers.slice(at, at + 4).join('.');
  }

  get settings() {
    return {
      ip: this.address(),
      gateway: this.address(GAR),
      mask: this.registers.slice(SUBR, SUBR + 4),
      mac: this.registers.slice(SHAR, SHAR + 6),
    };
  }

  get answersPing() {
    return (this.registers[MR] & PING_BLOCK) === 0;
  }

  /** One retransmission's time, RTR in 100 µs, and how many there are. */
  get retry() {
    return { nanos: word(this.registers, RTR) * 100e3, count: this.registers[RCR] };
  }

  /** Somebody on the network has this chip's address: IR(CONFLICT). */
  conflict() {
    this.raise(0x80);
  }

  unreachable() {
    this.raise(0x40);
  }

  raise(bit) {
    this.registers[IR] |= bit;
    this.interrupt();
  }

  /** Somebody connects: the lowest socket that listens at the port, or nobody. */
  knock(port, remote, line) {
    const socket = this.linked && this.sockets.find((each) => each.listens(port));
    return socket ? socket.accept(remote, line) : null;
  }

  /** A datagram has come for this chip, or for a group of hosts. */
  datagram(port, from, data, group = null) {
    if (this.linked) {
      this.sockets.find((each) => each.hears(port, group))?.datagram(from, data);
    }
  }

  // --- SPI ------------------------------------------------------------------------------------

  select(level, nanos) {
    if (level === 0 && !this.selected) {
      this.selected = true;
      this.count = 0;
      this.byteNanos = nanos;
      if (nanos - this.releasedNanos < CS_HIGH_NANOS) {
        throw new Forbidden(`SCSn high for ${nanos - this.releasedNanos} ns only`);
      }
      if (this.resetSince !== null || nanos < this.deafUntil) {
        throw new Forbidden('selected while it resets');
      }
    } else if (level !== 0 && this.selected) {
      this.selected = false;
      this.releasedNanos = nanos;
      this.ended();
    }
  }

  ended() {
    const { count } = this;
    this.frames += 1;
    if (count > 0 && count < 4) {
      throw new Forbidden(`a frame of ${count} bytes has no data`);
    }
    if (count && this.fixed && count !== 3 + this.fixed) {
      throw new Forbidden(`${count - 3} bytes of data in a frame of fixed length ${this.fixed}`);
    }
    if (this.command) {
      this.command();
      this.command = null;
    }
  }

  /**
   * A byte has been exchanged; `nanos` is its end.
   * @returns {number | null} the byte on MISO, null: not driven
   */
  transfer(byte, nanos) {
    if (!this.selected) {
      return null;
    }
    if (nanos - this.byteNanos < BYTE_NANOS - 1e-3) {
      throw new Forbidden(`a byte in ${nanos - this.byteNanos} ns`);
    }
    this.byteNanos = nanos;
    this.count += 1;
    switch (this.count) {
      case 1:
        this.at = byte << 8;
        return 0x01; // what the chip says meanwhile means nothing
      case 2:
        this.at |= byte;
        return 0x02;
      case 3:
        this.control(byte);
        return 0x03;
      default: {
        const at = (this.at + this.count - 4) & 0xffff;
        if (this.writes) {
          this.write(at, byte);
          return 0xff;
        }
        return this.read(at);
      }
    }
  }

  control(byte) {
    const block = byte >> 3;
    this.writes = (byte & 0x04) !== 0;
    this.fixed = [0, 1, 2, 4][byte & 0x03];
    this.socket = this.sockets[block >> 2];
    this.block = block === 0 ? 'common' : [null, 'registers', 'tx', 'rx'][block & 3];
    if (this.block === null) {
      throw new Forbidden(`block ${block} is reserved`);
    }
  }

  read(at) {
    switch (this.block) {
      case 'common': return this.readCommon(at);
      case 'registers': return this.socket.read(at);
      default: return this.socket[this.block].at(at);
    }
  }

  write(at, byte) {
    switch (this.block) {
      case 'common': this.writeCommon(at, byte); break;
      case 'registers': this.command = this.socket.write(at, byte) ?? this.command; break;
      case 'tx': this.socket.tx.put(at, byte); break;
      default: throw new Forbidden('a receive buffer is written');
    }
  }

  readCommon(at) {
    if (at > LAST_BEFORE_RESERVED && at !== VERSIONR) {
      throw new Forbidden(`common register ${at.toString(16)} is reserved`);
    }
    return this.registers[at];
  }

  writeCommon(at, byte) {
    if (at > LAST_BEFORE_RESERVED || READ_ONLY.has(at)) {
      throw new Forbidden(`common register ${at.toString(16)} is written`);
    }
    const { registers } = this;
    if (at === MR) {
      if (byte & RST) {
        this.command = () => this.reset();
      } else if (byte & ~(PING_BLOCK | 0x02)) {
        throw new Forbidden(`MR ${byte}: not modelled`);
      }
      registers[MR] = byte & ~RST;
    } else if (at === IR) {
      registers[IR] &= ~byte;
    } else if (at === PHYCFGR) {
      const [before, link] = [registers[PHYCFGR], registers[PHYCFGR] & 0x07];
      registers[PHYCFGR] = (byte & 0xf8) | link;
      if (!(before & RST) && byte & RST) {
        this.negotiate();
      }
    } else if ((at === INTLEVEL || at === INTLEVEL + 1) && byte) {
      throw new Forbidden('INTLEVEL: not modelled');
    } else {
      registers[at] = byte;
    }
    this.interrupt();
  }
}
