// islet: the RS-485 line as the devices hear it: what the driver puts on the wire, bit by bit.
// GPL-3.0-or-later
//
// The chip's TX pin drives the line only while DE is high. A character begins with a falling edge
// and is sampled in the middle of each bit at the devices' own bit time. It counts when start,
// parity and stop are right and DE was high from its first to its last moment. A frame is told when
// the silence that closes it (3.5 characters) is over.

const DATA_BITS = 8;
const END_SLACK_BITS = 0.05; // the chip's bit time is a little off: DE may end that much early

/** What a device's receiver makes of the wire. */
export class LineDecoder {
  /**
   * @param {{baud: number, parity: 'N' | 'E' | 'O', stop: number, silenceUs: number}} line
   * @param {(bytes: number[], bad: string[]) => void} onFrame bytes that count, why others do not
   */
  constructor({ baud, parity, stop, silenceUs }, onFrame) {
    this.bitNanos = 1e9 / baud;
    this.parity = parity;
    this.stopBits = stop;
    this.silenceNanos = silenceUs * 1000;
    this.onFrame = onFrame;
    this.charNanos = (1 + DATA_BITS + (parity === 'N' ? 0 : 1) + stop) * this.bitNanos;
    this.tx = 1; // idle: the driver's input is pulled up
    this.de = 0;
    this.reset();
  }

  /** The chip was reset: what was half sent is garbage to the devices, and ends. */
  reset() {
    this.startNanos = null; // of the character on the way
    this.edges = []; // its later edges: [nanos, level]
    this.driven = false; // DE since its start
    this.endNanos = null; // of the last character
    this.bytes = [];
    this.bad = [];
    this.lastCounted = false;
  }

  /** When tick() has to be called at the latest, null: not before the next edge. */
  get dueNanos() {
    if (this.startNanos !== null) {
      return this.startNanos + this.charNanos - this.bitNanos / 2; // middle of the last stop bit
    }
    return this.endNanos === null ? null : this.endNanos + this.silenceNanos;
  }

  /** The TX pin takes a level. */
  setTx(level, nanos) {
    if (level === this.tx) {
      return;
    }
    this.tick(nanos);
    this.tx = level;
    if (this.startNanos !== null) {
      this.edges.push([nanos, level]);
    } else if (!level) {
      this.begin(nanos);
    }
  }

  /** The DE pin takes a level. */
  setDe(level, nanos) {
    if (level === this.de) {
      return;
    }
    this.tick(nanos);
    this.de = level;
    if (!level) {
      this.driven = false;
      const earliest = this.endNanos === null ? 0 : this.endNanos - END_SLACK_BITS * this.bitNanos;
      if (this.startNanos === null && this.lastCounted && nanos < earliest) {
        this.bytes.pop(); // the second half of its stop bit was not driven
        this.drop('driver off within the character');
      }
    }
  }

  /** Let time pass to `nanos`. */
  tick(nanos) {
    while (this.dueNanos !== null && nanos >= this.dueNanos) {
      if (this.startNanos !== null) {
        this.finish();
      } else {
        this.close();
      }
    }
  }

  begin(nanos) {
    this.startNanos = nanos;
    this.edges = [];
    this.driven = this.de === 1;
  }

  /** Level of the pin at an instant within the character. */
  sample(bit) {
    const nanos = this.startNanos + (bit + 0.5) * this.bitNanos;
    let level = 0;
    for (const [at, after] of this.edges) {
      if (at <= nanos) {
        level = after;
      }
    }
    return level;
  }

  /** The middle of the last stop bit: the character is known. */
  finish() {
    let byte = 0;
    let ones = 0;
    for (let bit = 0; bit < DATA_BITS; bit++) {
      byte |= this.sample(1 + bit) << bit;
      ones += this.sample(1 + bit);
    }
    const hasParity = this.parity !== 'N';
    const odd = (ones + (hasParity ? this.sample(1 + DATA_BITS) : 0)) % 2;
    const firstStop = 1 + DATA_BITS + (hasParity ? 1 : 0);
    let stop = 1;
    for (let i = 0; i < this.stopBits; i++) {
      stop &= this.sample(firstStop + i);
    }
    const start = this.sample(0);
    this.endNanos = this.startNanos + this.charNanos;
    this.startNanos = null;
    this.lastCounted = false;
    if (start) {
      this.drop('start bit too short');
    } else if (!this.driven) {
      this.drop('driver off within the character');
    } else if (!stop) {
      this.drop('stop bit low');
    } else if (hasParity && odd !== (this.parity === 'O' ? 1 : 0)) {
      this.drop('parity');
    } else {
      this.bytes.push(byte);
      this.lastCounted = true;
    }
  }

  drop(why) {
    this.bad.push(why);
    this.lastCounted = false;
  }

  /** 3.5 characters of silence: the frame is over. */
  close() {
    const { bytes, bad } = this;
    this.bytes = [];
    this.bad = [];
    this.endNanos = null;
    this.lastCounted = false;
    this.onFrame(bytes, bad);
  }
}
