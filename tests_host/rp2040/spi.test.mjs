// islet: SPI in time.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixSpi } from '../../tools/rp2040/fixes/spi.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const SPI0 = 0x4003c000;
const CR0 = SPI0;
const CR1 = SPI0 + 0x04;
const DR = SPI0 + 0x08;
const SR = SPI0 + 0x0c;
const CPSR = SPI0 + 0x10;
const BSY = 16;
const RNE = 4;

/** 1 MHz: clk_peri / (2 * (1 + 61.5)). */
function opened(mcu, bits) {
  poke(mcu, CPSR, 2);
  poke(mcu, CR0, (61 << 8) | (bits - 1));
  poke(mcu, CR1, 2);
}

test('stock rp2040js exchanges a frame in no time', () => {
  const mcu = stock();
  opened(mcu, 8);
  poke(mcu, DR, 1);
  assert.equal(peek(mcu, SR) & (BSY | RNE), RNE);
});

test('frames take their bits, one after the other, and carry the device\'s answers', () => {
  for (const bits of [8, 16]) {
    const mcu = fresh();
    const [spi] = fixSpi(mcu);
    opened(mcu, bits);
    const frame = (1e9 * bits * 124) / mcu.clkPeri;
    const seen = [];
    spi.onTransmit = (value) => {
      seen.push([value, mcu.clock.nanos]);
      return ~value;
    };
    [1, 2, 3].forEach((value) => poke(mcu, DR, value));
    assert.equal(peek(mcu, SR) & (BSY | RNE), BSY);
    pass(mcu, frame * 3 - 1);
    assert.equal(peek(mcu, SR) & (BSY | RNE), BSY | RNE);
    pass(mcu, 2);
    assert.equal(peek(mcu, SR) & BSY, 0);
    assert.deepEqual(seen.map(([value]) => value), [1, 2, 3]);
    seen.forEach(([, nanos], i) => assert.ok(Math.abs(nanos - frame * (i + 1)) < 1e-3));
    const mask = 2 ** bits - 1;
    assert.deepEqual([peek(mcu, DR), peek(mcu, DR)], [mask - 1, mask - 2]);
  }
});
