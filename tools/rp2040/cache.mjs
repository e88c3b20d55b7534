// islet: a model of the cache between the processor and the flash, switched on by an option.
// GPL-3.0-or-later
//
// From the RP2040 data sheet, 2.6.3.1 and 2.6.3.2: 16 kB, two ways, lines of 8 bytes, so 1,024 sets;
// a hit costs nothing more than the access; address bits 25 and 24 choose whether a window looks for
// a hit and whether it allocates; FLUSH empties it, and it is empty after a reset.
//
// Assumed, since the data sheet does not say:
// - A miss reads one word of 32 bits and leaves the line's other half invalid, as it was found on
//   silicon (pico-sdk issue 1182) and as the second stage sets up the SSI (CTRLR1: NDF=0).
// - The way that was used longer ago is given up.
// - What a miss costs, MISS_CYCLES: the second stage of our images, boot2_w25q080.S, leaves the flash
//   in continuous read by EBh, at clk_sys / 2 (PICO_FLASH_SPI_CLKDIV of a Pico). A word is 8 clocks of
//   the flash for address and mode bits on four wires, 4 clocks of waiting and 8 for the data: 20, so
//   40 cycles. The SSI's own time beside that is written down nowhere; others measured 400 ns from
//   request to word at 125 MHz (oberon-rtk.org), so 10 cycles are added.
// - The processor waits for its word. What it fetches ahead of a jump that is then taken, and what DMA
//   reads from the flash, is left out.
//
// It has been compared with nothing real. `fillBytes` and `missCycles` are there to see how much the
// assumptions matter.

const SETS = 1024;
const LINE_BITS = 3;
const FLUSH = 0x04;
const CTR_HIT = 0x0c;
const CTR_ACC = 0x10;
const XIP_CTRL = 0x14000;
const NO_ALLOCATE = 1 << 24;
const NO_LOOKUP = 1 << 25;

export const MISS_CYCLES = 2 * (8 + 4 + 8) + 10;
export const DEFAULTS = { missCycles: MISS_CYCLES, fillBytes: 4 };

export class FlashCache {
  /** @param {{missCycles?: number, fillBytes?: 4 | 8}} options */
  constructor(options = {}) {
    Object.assign(this, DEFAULTS, options);
    this.lines = new Int32Array(2 * SETS); // of each set its two ways
    this.halves = new Uint8Array(2 * SETS); // which words of the line are valid, a bit each
    this.older = new Uint8Array(SETS); // the way to give up next
    this.accesses = 0;
    this.misses = 0;
    this.flush();
  }

  flush() {
    this.lines.fill(-1);
    this.halves.fill(0);
  }

  /** The registers by which software empties the cache and reads its counters. */
  attach(mcu) {
    const file = mcu.peripherals[XIP_CTRL];
    file.onWrite = (offset) => {
      if (offset === FLUSH) {
        this.flush();
      }
    };
    const read = file.readUint32.bind(file);
    file.readUint32 = (offset) => {
      if (offset === CTR_HIT) {
        return this.accesses - this.misses;
      }
      return offset === CTR_ACC ? this.accesses : read(offset);
    };
  }

  /** Read the word at an address of the flash; how many cycles the processor waits for it. */
  access(address) {
    this.accesses++;
    const line = (address & 0xffffff) >>> LINE_BITS;
    const set = line & (SETS - 1);
    const half = this.fillBytes === 4 ? 1 << ((address >>> 2) & 1) : 3;
    let place = 2 * set;
    if (this.lines[place] !== line) {
      place += 1;
    }
    const known = this.lines[place] === line;
    if (known && (this.halves[place] & half) !== 0 && (address & NO_LOOKUP) === 0) {
      this.older[set] = ~place & 1;
      return 0;
    }
    this.misses++;
    if ((address & NO_ALLOCATE) === 0) {
      if (!known) {
        place = 2 * set + this.older[set];
        this.lines[place] = line;
        this.halves[place] = 0;
      }
      this.halves[place] |= half;
      this.older[set] = ~place & 1;
    }
    return this.missCycles;
  }
}
