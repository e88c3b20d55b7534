// islet: UARTs in time.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixUart } from '../../tools/rp2040/fixes/uart.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const UART0 = 0x40034000;
const DR = UART0;
const FR = UART0 + 0x18;
const IBRD = UART0 + 0x24;
const FBRD = UART0 + 0x28;
const LCR = UART0 + 0x2c;
const CR = UART0 + 0x30;
const IMSC = UART0 + 0x38;
const RIS = UART0 + 0x3c;
const ICR = UART0 + 0x44;
const BUSY = 8;
const RXFE = 16;
const TXFF = 32;
const TXFE = 128;
const RX = 1 << 4;
const TX = 1 << 5;
const TIMEOUT = 1 << 6;
const UART0_IRQ = 1 << 20;
const EIGHT_E_1_FIFO = 0x76;
const BIT = 1e9 / 19200;

/** 19200 baud 8E1 with FIFOs, as Modbus RTU has it. */
function opened(make = fresh) {
  const mcu = make();
  const uarts = make === fresh ? fixUart(mcu) : null;
  const divider = mcu.clkPeri / 16 / 19200;
  poke(mcu, IBRD, Math.floor(divider));
  poke(mcu, FBRD, Math.round((divider % 1) * 64));
  poke(mcu, LCR, EIGHT_E_1_FIFO);
  poke(mcu, CR, 0x301);
  return { mcu, uart: uarts?.[0] };
}

const near = (a, b, tolerance = 2e-4) => assert.ok(Math.abs(a / b - 1) < tolerance, `${a} ${b}`);

test('stock rp2040js raises the transmit interrupt by clearing it, and sends in no time', () => {
  const { mcu } = opened(stock);
  const sent = [];
  mcu.uart[0].onByte = (byte) => sent.push(byte);
  poke(mcu, IMSC, TX);
  poke(mcu, ICR, 0x7ff);
  assert.ok(mcu.core.pendingInterrupts & UART0_IRQ);
  poke(mcu, DR, 65);
  assert.deepEqual(sent, [65]);
});

test('characters leave one after the other, eleven bits each at 8E1', () => {
  const { mcu, uart } = opened();
  const ends = [];
  uart.onByte = (byte) => ends.push([byte, mcu.clock.nanos]);
  for (const byte of [1, 2, 3]) {
    poke(mcu, DR, byte);
  }
  assert.equal(peek(mcu, FR) & (BUSY | TXFE), BUSY);
  pass(mcu, 34 * BIT);
  assert.deepEqual(ends.map(([byte]) => byte), [1, 2, 3]);
  ends.forEach(([, nanos], i) => near(nanos, 11 * BIT * (i + 1)));
  assert.equal(peek(mcu, FR) & (BUSY | TXFE), TXFE);
});

test('the FIFO takes 32 and the shift register one; then it is full and more is lost', () => {
  const { mcu, uart } = opened();
  const sent = [];
  uart.onByte = (byte) => sent.push(byte);
  for (let i = 0; i < 40; i++) {
    assert.equal((peek(mcu, FR) & TXFF) !== 0, i >= 33);
    poke(mcu, DR, i);
  }
  pass(mcu, 40 * 11 * BIT);
  assert.deepEqual(sent, [...Array(33).keys()]);
});

test('the transmit interrupt comes when the FIFO falls to its level, and clearing it works', () => {
  const { mcu } = opened();
  poke(mcu, IMSC, TX);
  for (let i = 0; i < 33; i++) {
    poke(mcu, DR, i);
  }
  pass(mcu, 11 * BIT * 16.5);
  assert.equal(peek(mcu, RIS) & TX, TX); // 1/2 by default: 16 left
  poke(mcu, ICR, TX);
  assert.equal(mcu.core.pendingInterrupts & UART0_IRQ, 0);
});

test('received characters: interrupt at the level, timeout after 32 bits of silence', () => {
  const { mcu, uart } = opened();
  poke(mcu, IMSC, RX | TIMEOUT);
  for (let i = 0; i < 5; i++) {
    uart.receive(i);
    pass(mcu, 11 * BIT);
  }
  assert.equal(peek(mcu, RIS) & (RX | TIMEOUT), 0);
  pass(mcu, 20.9 * BIT);
  assert.equal(peek(mcu, RIS) & TIMEOUT, 0);
  pass(mcu, 0.2 * BIT);
  assert.equal(peek(mcu, RIS) & TIMEOUT, TIMEOUT);
  assert.deepEqual([0, 1, 2, 3, 4].map(() => peek(mcu, DR)), [0, 1, 2, 3, 4]);
  assert.equal(peek(mcu, RIS) & TIMEOUT, 0);
  assert.equal(peek(mcu, FR) & RXFE, RXFE);
  for (let i = 0; i < 16; i++) {
    uart.receive(i);
  }
  assert.equal(peek(mcu, RIS) & RX, RX);
});

test('a full receiver counts overruns; a disabled one hears nothing', () => {
  const { mcu, uart } = opened();
  for (let i = 0; i < 34; i++) {
    uart.receive(i);
  }
  assert.equal(uart.overruns, 2);
  poke(mcu, CR, 0x101);
  while (!(peek(mcu, FR) & RXFE)) {
    peek(mcu, DR);
  }
  uart.receive(1);
  assert.equal(peek(mcu, FR) & RXFE, RXFE);
});
