// islet: tests of the line as the devices hear it: good characters, bad ones, the driver too short.
// GPL-3.0-or-later
import assert from 'node:assert/strict';
import test from 'node:test';
import { LineDecoder } from '../../tools/rp2040/house/rs485.mjs';

const BAUD = 19_200;

/** Sends characters bit by bit; `baud` is the sender's own. */
class Sender {
  constructor(line = {}, baud = BAUD) {
    this.frames = [];
    const heard = (bytes, bad) => this.frames.push({ bytes, bad, nanos: this.closed });
    this.line = { baud: BAUD, parity: 'E', stop: 1, silenceUs: 2000, ...line };
    this.decoder = new LineDecoder(this.line, heard);
    this.bit = 1e9 / baud;
    this.nanos = 1_000_000;
  }

  driver(level) {
    this.decoder.setDe(level, this.nanos);
  }

  level(value, bits = 1) {
    this.decoder.setTx(value, this.nanos);
    this.nanos += bits * this.bit;
  }

  char(byte, { parity = this.line.parity, stop = 1, flip = false } = {}) {
    this.level(0);
    let ones = 0;
    for (let bit = 0; bit < 8; bit++) {
      this.level((byte >> bit) & 1);
      ones += (byte >> bit) & 1;
    }
    if (parity !== 'N') {
      this.level((ones % 2) ^ (parity === 'O' ? 1 : 0) ^ (flip ? 1 : 0));
    }
    this.level(stop);
    this.decoder.setTx(1, this.nanos);
  }

  silence(ms = 10) {
    this.nanos += ms * 1e6;
    while (this.decoder.dueNanos !== null && this.decoder.dueNanos <= this.nanos) {
      this.closed = this.decoder.dueNanos;
      this.decoder.tick(this.closed);
    }
  }
}

const REQUEST = [0x01, 0x04, 0x00, 0x34, 0xff, 0x55, 0xaa, 0x80];

for (const [parity, stop] of [['N', 1], ['N', 2], ['E', 1], ['O', 1]]) {
  test(`characters with parity ${parity} and ${stop} stop bits arrive as they were sent`, () => {
    const sender = new Sender({ parity, stop });
    sender.driver(1);
    REQUEST.forEach((byte) => {
      sender.char(byte);
      sender.level(1, stop - 1);
    });
    const end = sender.nanos;
    sender.driver(0);
    sender.silence();
    assert.deepEqual(sender.frames[0].bytes, REQUEST);
    assert.deepEqual(sender.frames[0].bad, []);
    assert.equal(sender.frames.length, 1);
    assert.ok(Math.abs(sender.frames[0].nanos - end - 2_000_000) < 2);
  });
}

for (const percent of [-2, 2]) {
  test(`a sender ${percent} % off is still understood`, () => {
    const sender = new Sender({}, BAUD * (1 + percent / 100));
    sender.driver(1);
    REQUEST.forEach((byte) => sender.char(byte));
    sender.nanos += 0.5 * sender.bit; // it drives a little longer, as it should
    sender.driver(0);
    sender.silence();
    assert.deepEqual(sender.frames[0].bytes, REQUEST);
  });
}

test('a sender with another baud rate is not understood', () => {
  const sender = new Sender({}, 9600);
  sender.driver(1);
  REQUEST.forEach((byte) => sender.char(byte));
  sender.silence();
  assert.notDeepEqual(sender.frames.flatMap((frame) => frame.bytes), REQUEST);
  assert.ok(sender.frames.some((frame) => frame.bad.length));
});

test('a character with bad parity does not count, and it is told why', () => {
  const sender = new Sender();
  sender.driver(1);
  sender.char(0x11);
  sender.char(0x22, { flip: true });
  sender.char(0x33);
  sender.silence();
  assert.deepEqual(sender.frames[0].bytes, [0x11, 0x33]);
  assert.deepEqual(sender.frames[0].bad, ['parity']);
});

test('a character whose stop bit is low does not count', () => {
  const sender = new Sender();
  sender.driver(1);
  sender.char(0x11, { stop: 0 });
  sender.silence();
  assert.deepEqual(sender.frames[0], { ...sender.frames[0], bytes: [], bad: ['stop bit low'] });
});

test('a glitch is no character', () => {
  const sender = new Sender();
  sender.driver(1);
  sender.level(0, 0.2);
  sender.level(1, 12);
  sender.silence();
  assert.deepEqual(sender.frames[0].bad, ['start bit too short']);
});

test('without the driver nothing is on the line', () => {
  const sender = new Sender();
  sender.char(0x42);
  sender.silence();
  assert.deepEqual(sender.frames[0].bytes, []);
  assert.deepEqual(sender.frames[0].bad, ['driver off within the character']);
});

for (const early of [0.3, 1, 5.2]) {
  test(`a driver that ends ${early} bits early costs the last character`, () => {
    const sender = new Sender();
    sender.driver(1);
    sender.char(0x11);
    const start = sender.nanos;
    const end = start + 11 * sender.bit;
    let down = false;
    // the same character, with DE falling in its midst
    const levels = [0, ...[...Array(8).keys()].map((i) => (0x22 >> i) & 1), 0, 1];
    levels.forEach((level, i) => {
      sender.nanos = start + i * sender.bit;
      if (!down && sender.nanos > end - early * sender.bit) {
        sender.decoder.setDe(0, end - early * sender.bit);
        down = true;
      }
      sender.level(level);
    });
    if (!down) sender.decoder.setDe(0, end - early * sender.bit);
    sender.nanos = end;
    sender.silence();
    assert.deepEqual(sender.frames[0].bytes, [0x11]);
    assert.deepEqual(sender.frames[0].bad, ['driver off within the character']);
  });
}

test('a driver that begins late costs the first character', () => {
  const sender = new Sender();
  sender.level(0, 0.1);
  sender.driver(1);
  sender.nanos -= 0.1 * sender.bit;
  sender.char(0x80);
  sender.char(0x31);
  sender.silence();
  assert.deepEqual(sender.frames[0].bytes, [0x31]);
});

test('a pause shorter than 3.5 characters does not end a frame, a longer one does', () => {
  const sender = new Sender();
  sender.driver(1);
  sender.char(1);
  sender.silence(1.9);
  sender.char(2);
  sender.silence(2.1);
  sender.char(3);
  sender.silence();
  assert.deepEqual(sender.frames.map((frame) => frame.bytes), [[1, 2], [3]]);
});

test('a reset in the midst of a frame ends it', () => {
  const sender = new Sender();
  sender.driver(1);
  sender.char(1);
  sender.level(0, 3);
  sender.decoder.reset();
  sender.decoder.setTx(1, sender.nanos);
  sender.decoder.setDe(0, sender.nanos);
  sender.silence();
  assert.deepEqual(sender.frames, []);
  sender.driver(1);
  sender.char(7);
  sender.silence();
  assert.deepEqual(sender.frames[0].bytes, [7]);
});
