// islet: the serial flash behind the SSI, so that erasing and programming do something.
// GPL-3.0-or-later
//
// Defect: RPSSI (peripherals/ssi.js) is a stub that answers a few reads and forgets writes, and
// IO_QSPI is not there: the flash routines of the boot ROM run, and nothing changes. MicroPython
// finds no file system (OSError 19).
// Silicon: data sheet 4.10 (SSI), 2.8.3.1.3 (ROM routines, which drive chip select through
// IO_QSPI's OUTOVER); the chip on a Pico is a Winbond W25Q16JV. Its typical times are below; its
// data sheet allows 400 ms, 2 s and 3 ms.

import { BasePeripheral } from '../rp2040js.mjs';
import { RegisterFile } from './registers.mjs';

const CTRLR0 = 0x00;
const SSIENR = 0x08;
const TXFLR = 0x20;
const RXFLR = 0x24;
const SR = 0x28;
const ICR = 0x48;
const IDR = 0x58;
const SSI_VERSION_ID = 0x5c;
const DR0 = 0x60;
const SR_TFNF_TFE = 0x06;
const SR_RFNE = 0x08;
const GPIO_QSPI_SS_CTRL = 0x0c;
export const PAD_SS = 1; // of the six QSPI pads
const PAGE = 256;
const SECTOR = 4096;
const BLOCK = 65536;
const BUSY = 1;
const WRITE_ENABLED = 2;

const JEDEC_ID = [0xff, 0xef, 0x40, 0x15]; // Winbond, W25Q, 2 MB
const UNIQUE_ID = [0xe6, 0x60, 0x58, 0x38, 0x83, 0x1a, 0x2b, 0x2c];

/** Typical times of the W25Q16JV in ns. */
export const FLASH_TIMES = { eraseSectorNanos: 45e6, eraseBlockNanos: 150e6, programNanos: 0.4e6 };

/** What the SPI flash does with the bytes between two edges of chip select. */
class SerialNor {
  constructor(mcu, options) {
    this.mcu = mcu;
    this.times = { ...FLASH_TIMES, ...options };
    this.bytes = [];
    this.writeEnabled = false;
    this.busyUntil = 0;
    this.status2 = 2; // quad enable
    this.onErase = options.onErase ?? null;
    this.onProgram = options.onProgram ?? null;
  }

  get busy() {
    return this.mcu.clock.nanos < this.busyUntil;
  }

  get address() {
    const [, high, middle, low] = this.bytes;
    return ((high << 16) | (middle << 8) | low) % this.mcu.flash.length;
  }

  transfer(byte) {
    this.bytes.push(byte & 0xff);
    const index = this.bytes.length - 1;
    if (index === 0) {
      return 0xff;
    }
    switch (this.bytes[0]) {
      case 0x03: // read data
        return index < 4 ? 0xff
          : this.mcu.flash[(this.address + index - 4) % this.mcu.flash.length];
      case 0x05: // read status 1
        return (this.busy ? BUSY : 0) | (this.writeEnabled ? WRITE_ENABLED : 0);
      case 0x35: // read status 2
        return this.status2;
      case 0x4b: // read unique id
        return UNIQUE_ID[index - 5] ?? 0xff;
      case 0x9f: // read JEDEC id
        return JEDEC_ID[index] ?? 0xff;
      default:
        return 0xff;
    }
  }

  /** The rising edge of chip select carries the command out. */
  deselect() {
    const bytes = this.bytes;
    if (bytes.length && !this.busy) {
      this.execute(bytes);
    }
    this.bytes = [];
  }

  execute(bytes) {
    switch (bytes[0]) {
      case 0x06:
        this.writeEnabled = true;
        return;
      case 0x04:
        break;
      case 0x01:
        this.status2 = bytes[2] ?? this.status2;
        break;
      case 0x02:
        this.program(bytes);
        break;
      case 0x20:
        this.erase(bytes, SECTOR, this.times.eraseSectorNanos);
        break;
      case 0xd8:
        this.erase(bytes, BLOCK, this.times.eraseBlockNanos);
        break;
      default:
        return;
    }
    this.writeEnabled = false;
  }

  /** Programming only clears bits, and wraps inside its page. */
  program(bytes) {
    if (!this.writeEnabled || bytes.length <= 4) {
      return;
    }
    const { address } = this;
    const page = address - (address % PAGE);
    for (let i = 4; i < bytes.length; i++) {
      this.mcu.flash[page + ((address + i - 4) % PAGE)] &= bytes[i];
    }
    this.busyUntil = this.mcu.clock.nanos + this.times.programNanos;
    this.onProgram?.(address, bytes.length - 4);
  }

  erase(bytes, size, nanos) {
    if (!this.writeEnabled || bytes.length < 4) {
      return;
    }
    const start = this.address - (this.address % size);
    this.mcu.flash.fill(0xff, start, start + size);
    this.busyUntil = this.mcu.clock.nanos + nanos;
    this.onErase?.(start, size);
  }
}

/** The SSI in 8-bit SPI mode, as boot2 and the ROM use it. */
class SerialInterface extends BasePeripheral {
  constructor(mcu, nor) {
    super(mcu, 'SSI');
    this.nor = nor;
    this.registers = new Map();
    this.received = [];
    this.forcedSelect = null; // what IO_QSPI forces chip select to; null: the SSI's own
  }

  selectWritten(value) {
    const override = (value >>> 8) & 3;
    const was = this.forcedSelect;
    this.forcedSelect = override === 2 ? 'low' : override === 3 ? 'high' : null;
    if (was === 'low' && this.forcedSelect !== 'low') {
      this.nor.deselect();
    }
  }

  readUint32(offset) {
    switch (offset) {
      case TXFLR:
      case ICR:
        return 0;
      case RXFLR:
        return this.received.length;
      case SR:
        if (this.forcedSelect === null) {
          this.nor.deselect(); // the SSI deselects by itself when it runs dry
        }
        return SR_TFNF_TFE | (this.received.length ? SR_RFNE : 0);
      case IDR:
        return 0x51535049;
      case SSI_VERSION_ID:
        return 0x3430312a;
      case DR0:
        return this.received.shift() ?? 0;
      default:
        return this.registers.get(offset) ?? 0;
    }
  }

  writeUint32(offset, value) {
    if (offset === DR0) {
      const serial = ((this.registers.get(CTRLR0) ?? 0) >>> 21 & 3) === 0;
      const selected = this.forcedSelect !== 'high';
      this.received.push(!serial ? 0 : selected ? this.nor.transfer(value) : 0xff);
      return;
    }
    if (offset === SSIENR && value === 0) {
      this.received.length = 0;
      if (this.forcedSelect === null) {
        this.nor.bytes = [];
      }
    }
    this.registers.set(offset, value >>> 0);
  }
}

/**
 * @param {RP2040} mcu
 * @param {object} options eraseSectorNanos, eraseBlockNanos, programNanos, onErase, onProgram
 * @returns {SerialNor}
 */
export function fixFlash(mcu, options = {}) {
  const nor = new SerialNor(mcu, options);
  const ssi = new SerialInterface(mcu, nor);
  mcu.peripherals[0x18000] = ssi;
  mcu.qspi[PAD_SS].padValue = 0x5a; // data sheet 2.19.6.4: its input is enabled
  mcu.qspi[PAD_SS].setInputValue(true); // pulled up on the module: BOOTSEL is not pressed
  mcu.peripherals[0x40018] = new RegisterFile(mcu, 'IO_QSPI', (offset, value) => {
    if (offset === GPIO_QSPI_SS_CTRL) {
      ssi.selectWritten(value);
    }
  });
  return nor;
}
