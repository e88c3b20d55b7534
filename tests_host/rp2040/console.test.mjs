// islet: the host at the USB console, and the register files.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fixRegisters } from '../../tools/rp2040/fixes/registers.mjs';
import { fixUsb } from '../../tools/rp2040/fixes/usb.mjs';
import { USBCDC } from '../../tools/rp2040/rp2040js.mjs';
import { fresh, peek, poke, SET, stock } from './support.mjs';

const EP2_OUT = 2;

/** A CDC host whose device has armed its OUT endpoint; the packets that are sent. */
function armed(mcu, fix) {
  const cdc = new USBCDC(mcu.usbCtrl);
  cdc.outEndpoint = EP2_OUT;
  const packets = [];
  mcu.usbCtrl.endpointReadDone = (endpoint, bytes) => packets.push([...bytes]);
  const host = fix ? fixUsb(mcu, cdc) : null;
  const arm = () => mcu.usbCtrl.onEndpointRead(EP2_OUT, 64);
  arm();
  return { host, packets, arm };
}

test('stock rp2040js answers with an empty packet at once', () => {
  assert.deepEqual(armed(stock(), false).packets, [[]]);
});

test('a host without data says nothing, and answers when it has some', () => {
  const { host, packets, arm } = armed(fresh(), true);
  assert.deepEqual(packets, []);
  host.type(Buffer.from('hi'));
  assert.deepEqual(packets, [[104, 105]]);
  host.type(Buffer.from('again'));
  assert.equal(packets.length, 1, 'not armed');
  arm();
  assert.equal(packets.length, 2);
});

test('more than a packet is cut, and nothing is lost', () => {
  const { host, packets, arm } = armed(fresh(), true);
  const all = Array.from({ length: 1000 }, (_, i) => i & 0xff);
  host.type(all);
  while (packets.flat().length < all.length) {
    arm();
  }
  assert.deepEqual(packets.flat(), all);
  assert.ok(packets.every((packet) => packet.length <= 64));
});

test('register files keep what is written; the ring oscillator\'s bits vary by seed', () => {
  const bits = (seed) => {
    const mcu = fresh();
    fixRegisters(mcu, { seed });
    return Array.from({ length: 64 }, () => peek(mcu, 0x4006001c)).join('');
  };
  assert.match(bits(1), /^(?=.*0.*1)[01]{64}$/);
  assert.equal(bits(1), bits(1));
  assert.notEqual(bits(1), bits(2));
  const mcu = fresh();
  fixRegisters(mcu);
  poke(mcu, 0x40064000 + SET, 0x0e);
  assert.equal(peek(mcu, 0x40064000), 0x10bf);
  assert.equal(peek(mcu, 0x40064008), 0x100);
});
