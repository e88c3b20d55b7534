// islet: the metering chip ATM90E32AS as its data sheet describes it: registers behind an SPI.
// GPL-3.0-or-later
//
// Written from the register descriptions (docs/metering.md names the sources), not from the driver.
// What the chip does with its inputs is atm90e32_dsp.mjs; here are the registers, their write
// protection, the frames on the SPI, reset, and faults. Times are nanoseconds of the board's time.

import { Dsp } from './atm90e32_dsp.mjs';

const METER_EN = 0x00;
const SOFT_RESET = 0x70;
const EMM_STATE1 = 0x72;
const LAST_SPI_DATA = 0x78;
const CFG_REG_ACC_EN = 0x7f;
const LAST_CONFIGURATION = 0x6f;
const RESET_WORD = 0x789a;
const UNLOCK_WORD = 0x55aa;

/** Values after power-up that are not zero. */
const POWER_ON = {
  0x01: 0x0210, 0x02: 0x0654, 0x05: 0x143f, 0x06: 0xc000, 0x07: 0x0001, 0x08: 0x1000,
  0x09: 0x0400, 0x0a: 0xffff, 0x0b: 0xc000, 0x0c: 0x1324, 0x0d: 0x13ec, 0x0e: 0x010f,
  0x31: 0x0861, 0x32: 0xc468, 0x33: 0x0087,
  0x61: 0x8000, 0x62: 0x8000, 0x65: 0x8000, 0x66: 0x8000, 0x69: 0x8000, 0x6a: 0x8000,
};

const RESET_NANOS = 5e6; // deaf for so long after a reset
const CS_HIGH_NANOS = 200; // two cycles of 16.384 MHz and a margin
const BYTE_NANOS = 7_600; // 8 bits at 1.05 MHz, the fastest that is proved by use

/** A chip with its front end. Feed it with wave(), wire it to select() and transfer(). */
export class Atm90e32 {
  /**
   * @param {object} build as Dsp's
   */
  constructor(build = {}) {
    this.dsp = new Dsp(build);
    /** What is broken: `absent` answers nothing, `stuck` measures nothing new, `flip(bytes, out)`
     * gives the bits of the byte that come over wrong. */
    this.faults = { absent: false, stuck: false, flip: null };
    this.violations = []; // of timing and protocol, in words
    this.resets = 0;
    this.selected = false;
    this.releasedNanos = -Infinity;
    this.powerUp(0);
  }

  /** Supply returns at an instant: everything as after power-up. */
  powerUp(nanos) {
    this.registers = new Uint16Array(256);
    for (const [address, value] of Object.entries(POWER_ON)) {
      this.registers[Number(address)] = value;
    }
    this.lastSpiData = 0;
    this.unlocked = false;
    this.deafUntil = nanos + RESET_NANOS;
    this.frame = [];
    this.dsp.restart(nanos);
    this.resets += 1;
  }

  /** A dip of the supply, as a contactor next door makes them. */
  brownOut(nanos) {
    this.powerUp(nanos);
  }

  /**
   * The mains from t0Us on: RMS phasors, three pairs (re, im), and the angle `rad` at t0Us of what
   * they are relative to. It replaces what was told of later times.
   * @param {{t0Us: number, t1Us: number, hz: number, rad: number, volts: number[],
   *   amps: number[]}} wave
   */
  wave(wave) {
    this.dsp.wave(wave);
  }

  /** Chip select takes a level (0 selects). */
  select(level, nanos) {
    if (level === 0 && !this.selected) {
      this.selected = true;
      this.frame = [];
      this.byteNanos = nanos;
      if (nanos - this.releasedNanos < CS_HIGH_NANOS) {
        this.violations.push(`CS high for ${nanos - this.releasedNanos} ns only`);
      }
    } else if (level !== 0 && this.selected) {
      this.selected = false;
      this.releasedNanos = nanos;
      if (this.frame.length !== 0 && this.frame.length !== 4) {
        this.violations.push(`a frame of ${this.frame.length} bytes`);
      }
    }
  }

  /**
   * A byte has been exchanged; `nanos` is its end.
   * @returns {number | null} the byte on SDO, null: not driven
   */
  transfer(byte, nanos) {
    if (!this.selected || this.faults.absent) {
      return null;
    }
    if (nanos - this.byteNanos < BYTE_NANOS) {
      this.violations.push(`a byte in ${nanos - this.byteNanos} ns`);
    }
    this.byteNanos = nanos;
    this.frame.push(byte ^ (this.faults.flip?.(1, false) ?? 0));
    const out = this.answer(nanos) ^ (this.faults.flip?.(1, true) ?? 0);
    return nanos < this.deafUntil ? 0 : out;
  }

  /** What SDO shows while the byte just received came in. */
  answer(nanos) {
    const [first, second, high, low] = this.frame;
    const address = (first & 0x7f) << 8 | second;
    const reading = (first & 0x80) !== 0;
    if (this.frame.length === 2 && reading) {
      this.fetched = this.read(address & 0x3ff, nanos); // of the moment when the address is known
    } else if (this.frame.length === 3 && reading) {
      return this.fetched >> 8;
    } else if (this.frame.length === 4 && reading) {
      return this.fetched & 0xff;
    } else if (this.frame.length === 4 && nanos >= this.deafUntil) {
      this.write(address & 0x3ff, high << 8 | low, nanos);
    }
    return 0;
  }

  read(address, nanos) {
    if (address === LAST_SPI_DATA) {
      return this.lastSpiData;
    }
    let value = 0;
    if (address <= LAST_CONFIGURATION) {
      value = this.registers[address];
    } else {
      this.advance(nanos);
      value = address === EMM_STATE1 ? this.dsp.state1() : this.dsp.results.get(address) ?? 0;
    }
    this.lastSpiData = value;
    return value;
  }

  write(address, value, nanos) {
    this.lastSpiData = value;
    if (address === SOFT_RESET) {
      if (value === RESET_WORD) {
        this.powerUp(nanos);
      }
    } else if (address === CFG_REG_ACC_EN) {
      this.unlocked = value === UNLOCK_WORD;
    } else if (address <= LAST_CONFIGURATION && this.unlocked) {
      this.advance(nanos);
      this.registers[address] = value;
      this.dsp.configure(this.registers);
    } else {
      this.violations.push(`write of 0x${address.toString(16)}, which is locked or read-only`);
    }
  }

  /** Measure up to an instant. */
  advance(nanos) {
    if (this.registers[METER_EN] & 0xff && !this.faults.stuck) {
      this.dsp.advance(nanos);
    } else {
      this.dsp.skip(nanos);
    }
  }

  /**
   * Edges of pin ZX0, ZX1 or ZX2 in (fromNanos, toNanos], in order, from the waves told so far.
   * @returns {{nanos: number, level: number}[]}
   */
  zeroCrossings(fromNanos, toNanos, pin = 0) {
    const running = !this.faults.absent && this.registers[METER_EN] & 0xff;
    return running ? this.dsp.crossings(fromNanos, toNanos, pin) : [];
  }
}
