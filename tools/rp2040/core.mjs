// islet: the Cortex-M0+ again, fast: one jump per instruction, memory read without detours.
// GPL-3.0-or-later
//
// rp2040js finds an instruction by up to 80 comparisons in a row, and each byte of memory by
// several. Here a table turns the opcode into a number (instructions.mjs), the registers and flags
// of a stretch live in local variables (interpreter.mjs), and RAM, flash and ROM are typed arrays.
// What is rare (MSR, SVC, breakpoints) is still rp2040js' own. Exceptions are in exceptions.mjs.
//
// Mended here: a write to the flash's addresses changed the flash (rp2040.js, writeUint32); on
// silicon it is ignored or faults, data sheet 2.6.3.

export const RAM = 0x20000000;
export const FLASH = 0x10000000;
// 2 MB of flash repeat in the 16 MB of each window.
export const FLASH_MASK = 0x001fffff;
const ROM_BYTES = 0x4000;
const SIO = 0xd;

/** Registers and memory. `core` is the CortexM0Core whose state this is. */
export class FastCore {
  constructor(mcu) {
    this.mcu = mcu;
    this.core = mcu.core;
    this.cycles = 0; // since the engine's baseNanos
    this.limit = 0; // interpret() ends at this cycle; 0 at once
    this.registers = new Int32Array(this.core.registers.buffer);
    this.ram8 = mcu.sram;
    this.ram16 = new Uint16Array(mcu.sram.buffer);
    this.ram32 = new Int32Array(mcu.sram.buffer);
    this.flash8 = mcu.flash;
    this.flash16 = new Uint16Array(mcu.flash.buffer);
    this.flash32 = new Int32Array(mcu.flash.buffer);
    this.rom8 = new Uint8Array(mcu.bootrom.buffer);
    this.rom16 = new Uint16Array(mcu.bootrom.buffer);
    this.rom32 = new Int32Array(mcu.bootrom.buffer);
    this.code = this.rom16; // the region that runs, as halfwords and words
    this.code32 = this.rom32;
    this.codeBase = 0;
    this.onAccess = () => {}; // brings the clock to this.cycles before a peripheral looks at it
  }

  /** Choose the region of an address to execute from; returns the halfword index in it. */
  enter(address) {
    const region = address >>> 28;
    if (region === 1) {
      this.code = this.flash16;
      this.code32 = this.flash32;
      this.codeBase = FLASH;
      return (address & FLASH_MASK) >>> 1;
    }
    if (region === 2) {
      this.code = this.ram16;
      this.code32 = this.ram32;
      this.codeBase = RAM;
    } else {
      this.code = this.rom16;
      this.code32 = this.rom32;
      this.codeBase = 0;
    }
    return (address - this.codeBase) >>> 1;
  }

  /** BLX to an address without the Thumb bit: a HardFault on silicon. */
  noThumb(target, from) {
    const at = (address) => (address >>> 0).toString(16);
    this.core.logger.error('core', `BLX to ${at(target)} at ${at(from)}: no Thumb bit, not called`);
  }

  /** True when what just happened may change who runs next: leave the loop and look. */
  get disturbed() {
    return this.core.interruptsUpdated || this.mcu.clock.changed;
  }

  // Accesses outside RAM and flash, and unaligned ones. `this.cycles` is up to date.

  read(address, size) {
    const at = address >>> 0;
    if (at < ROM_BYTES && (at & (size - 1)) === 0) {
      this.cycles += 2;
      return size === 4 ? this.rom32[at >>> 2] : size === 2 ? this.rom16[at >>> 1] : this.rom8[at];
    }
    this.before(address, size, false);
    const value = this.fetch(at, size);
    if (this.disturbed) {
      this.limit = 0;
    }
    return value;
  }

  fetch(at, size) {
    if (size === 4) {
      const { mcu } = this;
      return (at >>> 28 === SIO ? mcu.sio.readUint32(at & 0xfffffff) : mcu.readUint32(at)) | 0;
    }
    return size === 2 ? this.mcu.readUint16(at) : this.mcu.readUint8(at);
  }

  write(address, value, size) {
    this.before(address, size, true);
    const at = address >>> 0;
    if (at >>> 26 === FLASH >>> 26) {
      this.core.logger.error('core', `write to flash at ${at.toString(16)}`);
    } else if (at >>> 28 === SIO && size === 4) {
      this.mcu.sio.writeUint32(at & 0xfffffff, value >>> 0);
    } else if (size === 4) {
      this.mcu.writeUint32(at, value >>> 0);
    } else if (size === 2) {
      this.mcu.writeUint16(at, value & 0xffff);
    } else {
      this.mcu.writeUint8(at, value & 0xff);
    }
    if (this.disturbed) {
      this.limit = 0;
    }
  }

  before(address, size, write) {
    this.onAccess();
    this.cycles += 1 + this.core.cyclesIO(address, write);
    if (address & (size - 1)) {
      const pc = this.core.PC.toString(16);
      this.core.logger.error('core', `unaligned access to ${address.toString(16)} before ${pc}`);
    }
  }

  /** LDMIA and POP: a word, wherever it is. */
  word(address) {
    const offset = (address - RAM) | 0;
    if (offset >>> 0 < this.ram8.length && (offset & 3) === 0) {
      return this.ram32[offset >>> 2];
    }
    if (address >>> 26 === FLASH >>> 26 && (address & 3) === 0) {
      return this.flash32[(address & FLASH_MASK) >>> 2];
    }
    const { cycles } = this;
    const value = this.read(address, 4);
    this.cycles = cycles;
    return value;
  }

  /** STMIA and PUSH. */
  setWord(address, value) {
    const offset = (address - RAM) | 0;
    if (offset >>> 0 < this.ram8.length && (offset & 3) === 0) {
      this.ram32[offset >>> 2] = value;
      return;
    }
    const { cycles } = this;
    this.write(address, value, 4);
    this.cycles = cycles;
  }

  /** PUSH at the edge of RAM or outside it; its cycles. */
  push(op) {
    const { registers: r } = this;
    let address = r[13];
    for (let i = 8; i >= 0; i--) {
      if (op & (1 << i)) {
        address -= 4;
        this.setWord(address, r[i === 8 ? 14 : i]);
      }
    }
    const count = (r[13] - address) >> 2;
    r[13] = address;
    return count;
  }
}
