// islet: register files of blocks that rp2040js leaves out.
// GPL-3.0-or-later
//
// Defect: IO_QSPI, XIP_CTRL, ROSC and VREG_AND_CHIP_RESET are UnimplementedPeripheral (rp2040.js,
// the table `peripherals`) or missing: every read gives 0xffffffff. ROSC then yields no random
// bits (os.urandom and the seeds of `random` are constant), CHIP_RESET claims every reason.
// Silicon: RP2040 data sheet 2.19.6.2 (IO_QSPI), 2.6.3 (XIP_CTRL), 2.17.8 (ROSC), 2.10.6 (VREG).

import { BasePeripheral } from '../rp2040js.mjs';

const ROSC_STATUS = 0x18;
const ROSC_RANDOMBIT = 0x1c;
const ROSC_STABLE_AND_ENABLED = 0x80001000;
const VREG = 0x00;
const CHIP_RESET = 0x08;
const VREG_RESET_VALUE = 0x10b1; // 1.10 V, regulating, ROK
const HAD_POR = 0x100;

/** Registers that keep what is written, with the atomic aliases of BasePeripheral. */
export class RegisterFile extends BasePeripheral {
  constructor(mcu, name, onWrite = null) {
    super(mcu, name);
    this.registers = new Map();
    this.onWrite = onWrite;
  }

  readUint32(offset) {
    return this.registers.get(offset) ?? 0;
  }

  writeUint32(offset, value) {
    this.registers.set(offset, value >>> 0);
    this.onWrite?.(offset, value >>> 0);
  }
}

/** The ring oscillator: stable at once; its random bit comes from a seeded generator. */
class RingOscillator extends RegisterFile {
  constructor(mcu, seed) {
    super(mcu, 'ROSC');
    this.registers.set(ROSC_STATUS, ROSC_STABLE_AND_ENABLED);
    this.state = seed >>> 0 || 1;
  }

  readUint32(offset) {
    if (offset !== ROSC_RANDOMBIT) {
      return super.readUint32(offset);
    }
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 16) & 1;
  }
}

/**
 * @param {RP2040} mcu
 * @param {{seed?: number}} options seed of the ring oscillator's random bit
 */
export function fixRegisters(mcu, { seed = 1 } = {}) {
  mcu.peripherals[0x14000] = new RegisterFile(mcu, 'XIP_CTRL');
  mcu.peripherals[0x40060] = new RingOscillator(mcu, seed);
  const vreg = new RegisterFile(mcu, 'VREG_AND_CHIP_RESET');
  vreg.registers.set(VREG, VREG_RESET_VALUE);
  vreg.registers.set(CHIP_RESET, HAD_POR);
  mcu.peripherals[0x40064] = vreg;
}
