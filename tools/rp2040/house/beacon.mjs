// islet: finds the process image in the chip's memory and reads it, at no cost to the chip.
// GPL-3.0-or-later
//
// The firmware (Board.record) keeps an array of words: two of magic, the count of control steps,
// the length of the last one in ms, then address and count of words for each section of the image.

const MAGIC = [0x69736c65, 0x74627631]; // "isle" "tbv1"
const RAM = 0x20000000;
const STEPS = 2;
const STEP_MS = 3;
const FIRST_SECTION = 4;
const SECTIONS = 5;
const LONGEST_STEP_MS = 0xffff; // what the link carries

/** Watches the beacon in `sram`, the bytes of the chip's memory. */
export class Beacon {
  constructor(sram) {
    this.words = new Int32Array(sram.buffer, sram.byteOffset, sram.length >> 2);
    this.bytes = sram;
    this.at = -1; // index of its first word
    this.steps = 0;
    this.siteTold = false;
  }

  /** A control step has been recorded since the last read(). */
  get fresh() {
    return this.at >= 0 && this.words[this.at + STEPS] !== this.steps;
  }

  /** Look for it; true when it is there. To be called now and then until it is. */
  find() {
    const { words } = this;
    const last = words.length - FIRST_SECTION - 2 * SECTIONS;
    let at = -1;
    do {
      at = words.indexOf(MAGIC[0], at + 1);
    } while (at >= 0 && at <= last && !this.plausible(at));
    this.at = at > last ? -1 : at;
    return this.at >= 0;
  }

  plausible(at) {
    if (this.words[at + 1] !== MAGIC[1]) {
      return false;
    }
    for (let section = 0; section < SECTIONS; section++) {
      const [address, count] = this.section(at, section);
      const inside = address >= RAM && address + 4 * count <= RAM + this.bytes.length;
      if (address % 4 || count === 0 || !inside) {
        return false;
      }
    }
    return true;
  }

  section(at, section) {
    const row = at + FIRST_SECTION + 2 * section;
    return [this.words[row] >>> 0, this.words[row + 1] >>> 0];
  }

  /** The link's items of the latest step; with the site, which stays, the first time. */
  read() {
    const items = [];
    for (let section = this.siteTold ? 1 : 0; section < SECTIONS; section++) {
      const [address, count] = this.section(this.at, section);
      const data = this.bytes.slice(address - RAM, address - RAM + 4 * count);
      items.push({ kind: 'Section', section, data });
    }
    this.siteTold = true;
    this.steps = this.words[this.at + STEPS];
    const dtMs = Math.min(this.words[this.at + STEP_MS] >>> 0, LONGEST_STEP_MS);
    return [...items, { kind: 'Step', dtMs }];
  }
}
