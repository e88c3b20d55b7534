// islet: the networked image on the emulated chip: its page over real sockets, through the W5500.
// GPL-3.0-or-later
//
// Without a configuration: nothing is energised, and the page is there to mend it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Pico } from '../../tools/rp2040/chip.mjs';
import { Ethernet } from '../../tools/rp2040/house/ethernet.mjs';

const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const IMAGE = here('.cache/rp2040/pico_eth/firmware.bin');
const BOARD = JSON.parse(fs.readFileSync(here('firmware/circuits/pico_eth.json'), 'utf8'));
const SLICE_MS = 2;
const MOST_MS = 20_000; // of the board's time for anything that is waited for

const rig = {};

before(async () => {
  assert.ok(fs.existsSync(IMAGE), 'no image: make one with `make image IMAGE=pico_eth`');
  rig.pico = new Pico({ image: IMAGE });
  rig.pico.bootsel(false);
  rig.ethernet = new Ethernet(BOARD, {
    listen: { 80: 0 },
    hosts: { 'pool.ntp.org': '192.168.77.1' },
    unix_ms: Date.UTC(2026, 5, 21, 9, 0),
  }, rig.pico, () => {});
  rig.pico.spi(BOARD.spi.id).onTransmit = (frame) => (
    rig.ethernet.transfer(frame, rig.pico.nanos) ?? 0xff
  );
});

after(() => rig.ethernet?.loopback.close());

/** Let the board run, and our own sockets with it, until something is done. */
async function until(done, mostMs = MOST_MS) {
  const { pico, ethernet } = rig;
  const end = pico.nanos + mostMs * 1e6;
  while (!done()) {
    assert.ok(pico.nanos < end, 'it takes too long');
    const to = pico.nanos + SLICE_MS * 1e6;
    while (pico.nanos < to) {
      pico.runUntil(Math.min(to, ethernet.dueNanos ?? to));
      ethernet.run(pico.nanos);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const pass = (ms) => {
  const end = rig.pico.nanos + ms * 1e6;
  return until(() => rig.pico.nanos >= end, ms + 100);
};

/** All four of the page's sockets listen. */
const listening = () => rig.ethernet.chip.sockets.filter(({ state }) => state === 0x14).length === 4;

/** What the page answers: status, body and how long it took of the board's time. */
async function get(path, times = 1) {
  const from = rig.pico.nanos;
  const answers = Array.from({ length: times }, () => ({ status: null }));
  for (const answer of answers) {
    const options = { port: rig.ethernet.loopback.listens[80], host: '127.0.0.1', path, agent: false };
    http.get(options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).on('end', () => {
        answer.status = response.statusCode;
        answer.body = Buffer.concat(parts);
        answer.ms = (rig.pico.nanos - from) / 1e6;
      });
    }).on('error', () => { answer.status = 0; });
  }
  await until(() => answers.every(({ status }) => status !== null));
  return answers;
}

test('it asks for an address and listens', async () => {
  const { chip } = rig.ethernet;
  await until(() => listening() && rig.ethernet.loopback.listens[80]);
  assert.equal(chip.address(), '192.168.77.50');
  assert.ok(rig.pico.nanos < 5e9, `${rig.pico.nanos / 1e6} ms from power-up`);
});

test('its page, its state', async () => {
  const [page] = await get('/');
  assert.equal(page.status, 200);
  assert.ok(page.body.length > 5000 && page.ms < 1500, `${page.body.length} bytes, ${page.ms} ms`);
  const [state] = await get('/api/state');
  const { network } = JSON.parse(state.body);
  assert.deepEqual([network.link, network.address], ['up', '192.168.77.50']);
  assert.match(network.name, /^islet-[0-9a-f]{4}$/);
  assert.equal(rig.ethernet.chip.lan.named, network.name);
});

test('whoever is beside it finds it by its name', async () => {
  const { lan } = rig.ethernet.chip;
  await until(() => lan.group.length >= 5); // three questions and two announcements
  const [{ body }] = await get('/api/state');
  assert.equal(JSON.parse(body).network.local, `${lan.named}.local`);
  const [label, local] = [Buffer.from(lan.named), Buffer.from('local')];
  const name = Buffer.concat([Buffer.of(label.length), label, Buffer.of(5), local, Buffer.of(0)]);
  await pass(1100);
  lan.group.length = 0;
  const head = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  // The socket is DHCP's and the time's too and deaf meanwhile: who asks asks again (RFC 6762, 5.2).
  for (const againMs of [1000, 2000, 4000]) {
    lan.say(Uint8Array.from([...head, ...name, 0, 1, 0, 1]), { ip: '192.168.77.9', port: 5353 });
    await pass(againMs);
    if (lan.group.length) break;
  }
  assert.ok(lan.group.length, 'no answer to three questions');
  assert.ok(Buffer.from(lan.group[0]).includes(Buffer.of(0, 4, 192, 168, 77, 50)));
});

test('three at once, a fourth is told so, and nobody waits for ever', async () => {
  await until(listening);
  const answers = await get('/api/state', 6);
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  assert.deepEqual([count(200), count(503), count(0)], [3, 1, 2]);
  const [again] = await get('/api/state');
  const { health } = JSON.parse(again.body);
  assert.ok(health.control_late_ms <= 20, `control ${health.control_late_ms} ms late`);
});

test('a cable out and in', async () => {
  const { chip } = rig.ethernet;
  chip.plug(false);
  await pass(1000);
  chip.plug(true);
  await until(() => chip.linked, 3000);
  const [state] = await get('/api/state');
  assert.equal(state.status, 200);
});

test('the time from the network', async () => {
  await until(() => rig.ethernet.chip.lan.heard.some(([kind]) => kind === 'ntp'));
  await pass(1100);
  const [log] = await get('/api/log');
  assert.match(String(log.body), /The clock was set from the network/);
});
