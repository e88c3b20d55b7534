// islet: the register model of the W5500 against what its data sheet says.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { Forbidden } from '../../tools/rp2040/devices/w5500_registers.mjs';
import { Loopback } from '../../tools/rp2040/house/loopback.mjs';
import { Bench } from './w5500_bench.mjs';

const [MR, SHAR, SIPR, IR, IMR, SIR, SIMR, PHYCFGR, VERSIONR] = [
  0x00, 0x09, 0x0f, 0x15, 0x16, 0x17, 0x18, 0x2e, 0x39,
];
const [S_MR, S_CR, S_IR, S_SR, S_PORT, S_DIPR, S_DPORT, S_RXBUF, S_FSR, S_WR, S_RSR, S_RD] = [
  0, 1, 2, 3, 4, 0x0c, 0x10, 0x1e, 0x20, 0x24, 0x26, 0x28,
];
const [OPEN, LISTEN, CONNECT, DISCON, CLOSE, SEND, RECV] = [1, 2, 4, 8, 0x10, 0x20, 0x40];
const [CLOSED, INIT, LISTENS, ESTABLISHED, CLOSE_WAIT] = [0, 0x13, 0x14, 0x17, 0x1c];
const regs = (n) => 4 * n + 1;
const tx = (n) => 4 * n + 2;
const rx = (n) => 4 * n + 3;

function configured(options) {
  const bench = new Bench(options);
  bench.write(0, 0x01, 192, 168, 77, 1, 255, 255, 255, 0, 2, 0, 0, 0, 0, 9, 192, 168, 77, 50);
  return bench;
}

function command(bench, n, value) {
  bench.write(regs(n), S_CR, value);
  bench.pass(2000);
}

function open(bench, n, mode, port) {
  bench.write(regs(n), S_MR, mode);
  bench.write(regs(n), S_PORT, port >> 8, port & 255);
  command(bench, n, OPEN);
}

const state = (bench, n) => bench.read(regs(n), S_SR)[0];
const word = (bench, n, at) => {
  const [high, low] = bench.read(regs(n), at, 2);
  return (high << 8) | low;
};

function say(bench, n, bytes) {
  const at = word(bench, n, S_WR);
  bench.write(tx(n), at, ...bytes);
  bench.write(regs(n), S_WR, ((at + bytes.length) >> 8) & 255, (at + bytes.length) & 255);
  command(bench, n, SEND);
}

function take(bench, n) {
  const [size, at] = [word(bench, n, S_RSR), word(bench, n, S_RD)];
  const got = size ? bench.read(rx(n), at, size) : [];
  bench.write(regs(n), S_RD, ((at + size) >> 8) & 255, (at + size) & 255);
  command(bench, n, RECV);
  return got;
}

const forbidden = (act, words) => assert.throws(act, (error) => error instanceof Forbidden
  && words.test(error.message));

test('after a reset it is as the data sheet says', () => {
  const bench = new Bench();
  assert.deepEqual(bench.read(0, 0x19, 4), [0x07, 0xd0, 0x08, 0x28]);
  assert.deepEqual(bench.read(0, VERSIONR), [4]);
  assert.deepEqual(bench.read(regs(7), S_MR, 4), [0, 0, 0, 0]);
  assert.deepEqual(bench.read(regs(7), S_RXBUF, 4), [2, 2, 0x08, 0x00]);
  assert.deepEqual(bench.read(regs(7), 0x06, 6), [255, 255, 255, 255, 255, 255]);
  bench.write(0, SHAR, 2, 0, 0, 0, 0, 9);
  bench.write(0, MR, 0x80);
  bench.pass(1e6);
  assert.deepEqual(bench.read(0, SHAR, 6), [0, 0, 0, 0, 0, 0]);
});

test('the link comes up by itself, and goes with the cable', () => {
  const bench = new Bench({ linkNanos: 5e6 });
  assert.equal(bench.read(0, PHYCFGR)[0] & 1, 0);
  bench.pass(5e6);
  assert.equal(bench.read(0, PHYCFGR)[0], 0xbf);
  bench.chip.plug(false);
  assert.equal(bench.read(0, PHYCFGR)[0] & 1, 0);
});

test('frames of variable and of fixed length', () => {
  const bench = new Bench();
  bench.frame([0, SIPR, 0x04, 10, 0, 0, 7]);
  assert.deepEqual(bench.frame([0, SIPR, 0x03, 0, 0, 0, 0]).slice(3), [10, 0, 0, 7]);
  forbidden(() => bench.frame([0, SIPR, 0x03, 0, 0]), /fixed length 4/);
});

test('what is forbidden throws', () => {
  const cases = [
    [(b) => b.read(0, 0x30), /reserved/],
    [(b) => b.write(0, SIR, 1), /written/],
    [(b) => b.read(4, 0), /block 4 is reserved/],
    [(b) => b.frame([0, 0]), /no data/],
    [(b) => b.frame([0, 0, 0, 0], 200), /a byte in/],
    [(b) => b.write(rx(0), 0, 1), /receive buffer/],
    [(b) => b.write(regs(0), S_CR, 0x80), /command 80/],
    [(b) => open(b, 0, 4, 80), /mode 4/],
    [(b) => open(b, 0, 1, 0), /port 0/],
    [(b) => command(b, 0, LISTEN), /listen in state 0/],
    [(b) => [open(b, 0, 1, 80), b.write(regs(0), S_RXBUF, 4)], /buffer of 4 kB in state/],
    [(b) => [b.write(regs(0), S_RXBUF, 16), open(b, 0, 1, 80)], /buffers of 30 kB/],
    [(b) => [b.chip.resetPin(0, b.nanos), b.pass(1e5), b.chip.resetPin(1, b.nanos)], /RSTn/],
    [(b) => [b.write(0, MR, 0x80), b.read(0, MR)], /while it resets/],
    [(b) => [open(b, 0, 2, 68), open(b, 1, 2, 68)], /second UDP/],
  ];
  for (const [act, words] of cases) {
    forbidden(() => act(configured()), words);
  }
  forbidden(() => open(new Bench(), 0, 1, 80), /hardware address/);
});

test('a connection comes, speaks, and goes', () => {
  const bench = configured();
  bench.write(0, SIMR, 0xff);
  open(bench, 3, 1, 80);
  assert.equal(state(bench, 3), INIT);
  command(bench, 3, LISTEN);
  assert.equal(state(bench, 3), LISTENS);
  assert.equal(bench.ends.knock(81).socket, null);
  const line = bench.ends.knock(80);
  assert.equal(state(bench, 3), ESTABLISHED);
  assert.equal(bench.ends.knock(80).socket, null, 'there is no backlog');
  assert.equal(bench.int, 0);
  assert.equal(bench.read(0, SIR)[0], 8);
  assert.deepEqual(bench.read(regs(3), S_DIPR, 6), [192, 168, 77, 1, 40_000 >> 8, 40_000 & 255]);
  bench.write(regs(3), S_IR, 0x1f);
  assert.equal(bench.int, 1);
  line.socket.arrived(Uint8Array.from([1, 2, 3]));
  assert.equal(bench.read(regs(3), S_IR)[0], 4);
  assert.deepEqual(take(bench, 3), [1, 2, 3]);
  say(bench, 3, [7, 8]);
  assert.deepEqual(line.got, []);
  forbidden(() => command(bench, 3, SEND), /before the last/);
  bench.pass(1e6);
  assert.deepEqual(line.got, [7, 8]);
  assert.equal(bench.read(regs(3), S_IR)[0], 0x14);
  line.socket.finished();
  assert.equal(state(bench, 3), CLOSE_WAIT);
  command(bench, 3, DISCON);
  bench.pass(1e6);
  assert.equal(state(bench, 3), CLOSED);
  assert.deepEqual(line.log, ['end']);
});

test('buffers go round, and what finds no room waits', () => {
  const bench = configured();
  open(bench, 0, 1, 80);
  command(bench, 0, LISTEN);
  const line = bench.ends.knock(80);
  const data = Uint8Array.from({ length: 5000 }, (_, i) => i * 7);
  line.socket.arrived(data);
  const got = [];
  while (got.length < 5000) {
    const part = take(bench, 0);
    assert.ok(part.length && part.length <= 2048);
    got.push(...part);
  }
  assert.deepEqual(got, [...data]);
  for (let i = 0; i < 5; i += 1) {
    assert.equal(word(bench, 0, S_FSR), 2048);
    say(bench, 0, data.subarray(0, 1500));
    assert.equal(word(bench, 0, S_FSR), 548);
    bench.pass(1e6);
  }
  assert.deepEqual(line.got.slice(6000), [...data.subarray(0, 1500)]);
});

test('whoever is connected to answers, refuses, or is not there', () => {
  const to = (bench, ...ip) => {
    open(bench, 1, 1, 50_000);
    bench.write(regs(1), S_DIPR, ...ip);
    bench.write(regs(1), S_DPORT, 1883 >> 8, 1883 & 255);
    command(bench, 1, CONNECT);
  };
  const bench = configured();
  to(bench, 192, 168, 77, 20);
  bench.pass(1e6);
  assert.equal(state(bench, 1), ESTABLISHED);
  assert.equal(bench.ends.lines[0].to, '192.168.77.20:1883');
  command(bench, 1, CLOSE);
  assert.equal(state(bench, 1), CLOSED);
  bench.write(regs(1), S_IR, 0x1f);
  bench.ends.answer = 'broken';
  to(bench, 192, 168, 77, 20);
  bench.pass(1e6);
  assert.deepEqual([state(bench, 1), bench.read(regs(1), S_IR)[0]], [CLOSED, 0]);
  to(bench, 192, 168, 77, 99);
  bench.pass(1.79e9);
  assert.notEqual(state(bench, 1), CLOSED);
  bench.pass(0.02e9); // RTR of 200 ms, nine times
  assert.deepEqual([state(bench, 1), bench.read(regs(1), S_IR)[0]], [CLOSED, 8]);
});

test('without a cable nothing is acknowledged, and it gives up', () => {
  const bench = configured();
  open(bench, 0, 1, 80);
  command(bench, 0, LISTEN);
  const line = bench.ends.knock(80);
  bench.chip.plug(false);
  say(bench, 0, [1]);
  bench.pass(20e9);
  assert.equal(state(bench, 0), ESTABLISHED);
  bench.pass(40e9);
  assert.deepEqual([state(bench, 0), bench.read(regs(0), S_IR)[0] & 8], [CLOSED, 8]);
  assert.deepEqual([line.got, line.log], [[], ['abort']]);
});

test('a datagram has its sender and its length before it', () => {
  const bench = configured({ unixMs: () => 1_800_000_000_500 });
  open(bench, 0, 2, 123);
  bench.write(regs(0), S_DIPR, 192, 168, 77, 1, 0, 123);
  say(bench, 0, [0x23, ...new Array(47).fill(0)]);
  bench.pass(2e6);
  assert.equal(bench.read(regs(0), S_IR)[0], 0x14);
  const got = take(bench, 0);
  assert.deepEqual(got.slice(0, 8), [192, 168, 77, 1, 0, 123, 0, 48]);
  assert.equal(got.length, 56);
  assert.equal(((got[48] << 24) >>> 0) + (got[49] << 16) + (got[50] << 8) + got[51],
    1_800_000_000 + 2_208_988_800);
  bench.write(regs(0), S_IR, 0x1f);
  bench.write(regs(0), S_DIPR, 192, 168, 77, 99);
  say(bench, 0, [1]);
  bench.pass(2e9);
  assert.deepEqual([state(bench, 0), bench.read(regs(0), S_IR)[0]], [0x22, 8]);
});

test('a conflict of addresses interrupts', () => {
  const bench = configured();
  bench.write(0, IMR, 0x80);
  bench.chip.conflict();
  assert.deepEqual([bench.int, bench.read(0, IR)[0]], [0, 0x80]);
  bench.write(0, IR, 0x80);
  assert.equal(bench.int, 1);
});

// --- real sockets -------------------------------------------------------------------------------

async function until(bench, done) {
  for (let i = 0; i < 10_000 && !done(); i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    bench.ends.poll();
    bench.pass(1e6);
  }
  assert.ok(done());
}

test('it ends in real sockets, both ways', async (t) => {
  const server = net.createServer((socket) => socket.end('welcome'));
  const broker = await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
  const ends = new Loopback({ listen: { 80: 0 }, reach: { '192.168.77.20:1883': broker } });
  const bench = configured({ ends });
  const clients = [];
  t.after(() => { // what stays open keeps the process from ending
    clients.forEach((client) => client.destroy());
    server.close();
    return ends.close();
  });
  const connect = () => {
    const client = net.connect(ends.listens[80], '127.0.0.1');
    clients.push(client);
    return client;
  };
  open(bench, 0, 1, 80);
  command(bench, 0, LISTEN);
  await until(bench, () => ends.listens[80]);
  const client = connect();
  await until(bench, () => state(bench, 0) === ESTABLISHED);
  client.write('GET /');
  await until(bench, () => word(bench, 0, S_RSR) === 5);
  assert.equal(Buffer.from(take(bench, 0)).toString(), 'GET /');
  const second = connect();
  const reset = new Promise((resolve) => { second.on('error', (error) => resolve(error.code)); });
  await until(bench, () => ends.refused === 1);
  assert.equal(await reset, 'ECONNRESET');
  let heard = '';
  client.on('data', (chunk) => { heard += chunk; }).on('end', () => client.end());
  say(bench, 0, Buffer.from('yes'));
  await until(bench, () => heard === 'yes');
  command(bench, 0, DISCON);
  await until(bench, () => state(bench, 0) === CLOSED);

  open(bench, 1, 1, 50_000);
  bench.write(regs(1), S_DIPR, 192, 168, 77, 20, 1883 >> 8, 1883 & 255);
  command(bench, 1, CONNECT);
  await until(bench, () => state(bench, 1) === CLOSE_WAIT);
  assert.equal(Buffer.from(take(bench, 1)).toString(), 'welcome');
  command(bench, 1, DISCON);
  await until(bench, () => state(bench, 1) === CLOSED);
});

test('after a silence the other side is asked whether it is there', () => {
  const [S_KPALVTR, TIMEOUT] = [0x2f, 8];
  const bench = configured();
  bench.write(0, 0x19, 0x03, 0xe8, 5); // 100 ms, six tries: 6.3 s
  const lines = [0, 1, 2].map((n) => {
    open(bench, n, 1, 80);
    bench.write(regs(n), S_KPALVTR, n === 2 ? 0 : 2);
    command(bench, n, LISTEN);
    return bench.ends.knock(80);
  });
  [0, 2].forEach((n) => say(bench, n, [1, 2, 3]));
  bench.pass(5e6);
  lines.forEach((line) => { line.there = false; });
  const states = () => [0, 1, 2].map((n) => state(bench, n));
  bench.pass(16.2e9);
  assert.deepEqual(states(), [ESTABLISHED, ESTABLISHED, ESTABLISHED]);
  bench.pass(0.2e9);
  // not without data, and not without a time
  assert.deepEqual(states(), [CLOSED, ESTABLISHED, ESTABLISHED]);
  assert.ok(bench.read(regs(0), S_IR)[0] & TIMEOUT);
  command(bench, 2, 0x22);
  bench.pass(6.4e9);
  assert.deepEqual(states(), [CLOSED, ESTABLISHED, CLOSED]);
  assert.throws(() => {
    bench.write(regs(1), S_KPALVTR, 0);
    command(bench, 1, 0x22);
  }, /before any data/);
});

test('a group of hosts is joined by its addresses, and heard', () => {
  const MULTI_UDP = 0x82;
  const group = (bench, mac, ...address) => {
    bench.write(regs(0), 0x06, ...mac, ...address, 5353 >> 8, 5353 & 255);
    open(bench, 0, MULTI_UDP, 5353);
  };
  const bench = configured();
  bench.write(regs(0), 0x16, 255);
  group(bench, [1, 0, 0x5e, 0, 0, 0xfb], 224, 0, 0, 251);
  say(bench, 0, [1, 2, 3]);
  bench.pass(1e6);
  assert.deepEqual(bench.lan.group.map((data) => [...data]), [[1, 2, 3]]);
  bench.lan.say(Uint8Array.of(7, 8), { ip: '192.168.77.9', port: 5353 });
  bench.pass(1e6);
  assert.deepEqual(take(bench, 0), [192, 168, 77, 9, 5353 >> 8, 5353 & 255, 0, 2, 7, 8]);

  assert.throws(() => group(configured(), [1, 0, 0x5e, 0, 0, 0xfa], 224, 0, 0, 251), /group 224/);
  assert.throws(() => group(configured(), [2, 0, 0, 0, 0, 1], 192, 168, 77, 20), /group 192/);
  const alone = configured();
  open(alone, 0, 2, 5353);
  alone.lan.say(Uint8Array.of(7), { ip: '192.168.77.9', port: 5353 });
  alone.pass(1e6);
  assert.equal(word(alone, 0, S_RSR), 0);
  alone.write(regs(0), S_DIPR, 224, 0, 0, 251, 5353 >> 8, 5353 & 255);
  assert.throws(() => say(alone, 0, [1]), /MULTI false/);
});

test('who finds nobody at his port is shown to another', async (t) => {
  const ends = new Loopback({ listen: { 8080: 0 }, otherwise: 80 });
  const bench = configured({ ends });
  const clients = [];
  t.after(() => {
    clients.forEach((client) => client.destroy());
    return ends.close();
  });
  open(bench, 0, 1, 80);
  command(bench, 0, LISTEN);
  await until(bench, () => ends.listens[8080]);
  const connect = () => clients.push(net.connect(ends.listens[8080], '127.0.0.1').on('error', () => {}));
  connect();
  await until(bench, () => state(bench, 0) === ESTABLISHED);
  open(bench, 1, 1, 8080);
  command(bench, 1, LISTEN);
  connect();
  await until(bench, () => state(bench, 1) === ESTABLISHED);
  connect();
  await until(bench, () => ends.refused === 1);
});
