// islet: tests of the mailbox through which the chip's socket stub reaches the link.
// GPL-3.0-or-later
import assert from 'node:assert/strict';
import test from 'node:test';
import { Agenda } from '../../tools/rp2040/house/agenda.mjs';
import { MAILBOX, Mailbox } from '../../tools/rp2040/house/mailbox.mjs';

const NONE = 0xffffffff;

/** The bus as the chip's program sees it. */
class Rig {
  constructor() {
    this.said = [];
    this.nanos = 0;
    this.box = new Mailbox((item) => this.said.push(item), () => this.nanos);
    this.agenda = new Agenda();
    const mcu = { peripherals: {} };
    this.box.attach(mcu);
    this.bus = mcu.peripherals[MAILBOX];
  }

  read(word) {
    return this.bus.readUint32(word * 4);
  }

  write(word, value) {
    this.bus.writeUint32(word * 4, value);
  }

  command(conn, port, command) {
    this.write(1, conn);
    this.write(6, port);
    this.write(5, command);
  }

  state(conn) {
    this.write(1, conn);
    const value = this.read(2);
    return { waiting: value & 0xffff, ended: !!(value & 0x10000), refused: !!(value & 0x20000) };
  }

  text(conn, count) {
    this.write(1, conn);
    return String.fromCharCode(...Array.from({ length: count }, () => this.read(3)));
  }

  answer(...items) {
    this.agenda.drop(this.nanos);
    this.box.renew(items, this.agenda);
  }

  pass(us) {
    this.nanos = us * 1000;
    this.agenda.run(this.nanos);
  }
}

const rx = (us, text, conn = 0) => ({ kind: 'NetRx', conn, tUs: us, data: Buffer.from(text) });

test('a connection sends in segments, and what it is told comes when it is due', () => {
  const rig = new Rig();
  rig.command(0, 1883, 1);
  assert.equal(rig.read(7), 0);
  assert.deepEqual(rig.said, [{ kind: 'NetOpen', conn: 0, port: 1883 }]);
  for (let i = 0; i < 1500; i++) rig.write(4, i);
  rig.command(0, 0, 2);
  assert.deepEqual(rig.said.slice(1).map((item) => item.data.length), [1400, 100]);
  assert.equal(rig.said[2].data[0], 1400 & 0xff);
  rig.answer(rx(2000, 'abc'), rx(3000, 'de'));
  rig.pass(1999);
  assert.equal(rig.state(0).waiting, 0);
  rig.pass(2000);
  assert.equal(rig.state(0).waiting, 3);
  rig.answer(rx(3000, 'de')); // told again, for it has not come yet
  rig.pass(4000);
  assert.equal(rig.text(0, 5), 'abcde');
  assert.deepEqual(rig.state(0), { waiting: 0, ended: false, refused: false });
});

test('a refused connection, and one that ends after its data', () => {
  const rig = new Rig();
  rig.command(0, 1, 1);
  rig.answer({ kind: 'NetRefused', conn: 0 });
  assert.ok(rig.state(0).refused);
  rig.command(0, 0, 3);
  rig.command(0, 1883, 1);
  rig.answer(rx(500, 'bye'), { kind: 'NetClosed', conn: 0 });
  assert.ok(!rig.state(0).ended);
  rig.pass(500);
  assert.deepEqual(rig.state(0), { waiting: 3, ended: true, refused: false });
  rig.command(0, 0, 3);
  assert.equal(rig.said.at(-1).kind, 'NetClose');
  assert.ok(rig.state(0).ended); // nothing there any more
});

test('a listening port accepts, a deaf one refuses', () => {
  const rig = new Rig();
  rig.answer({ kind: 'NetAccept', conn: 128, port: 80 });
  assert.deepEqual(rig.said, [{ kind: 'NetClose', conn: 128 }]);
  rig.command(0, 80, 4);
  rig.answer({ kind: 'NetAccept', conn: 129, port: 80 });
  rig.write(6, 80);
  assert.equal(rig.read(10), 1);
  assert.equal(rig.read(8), 129);
  assert.equal(rig.read(8), NONE);
  rig.answer(rx(0, 'GET /', 129));
  rig.pass(0);
  assert.equal(rig.text(129, 5), 'GET /');
});

test('the date goes on by itself; a chip that was reset has no connections', () => {
  const rig = new Rig();
  assert.equal(rig.read(9), NONE);
  rig.answer({ kind: 'Rtc', minutes: 1000 });
  rig.pass(119e6);
  assert.equal(rig.read(9), 1001);
  rig.command(0, 1883, 1);
  rig.box.reset();
  assert.ok(rig.state(0).ended);
  assert.equal(rig.read(9), 1001);
  assert.equal(rig.read(0), 0x69736c6e);
});

test('more connections than there are numbers are not opened', () => {
  const rig = new Rig();
  for (let i = 0; i < 128; i++) rig.command(0, 1, 1);
  assert.equal(rig.read(7), 127);
  rig.command(0, 1, 1);
  assert.equal(rig.read(7), NONE);
});
