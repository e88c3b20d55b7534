// islet: connections of the W5500 that end in the simulated house, by the link's items.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Agenda } from '../../tools/rp2040/house/agenda.mjs';
import { TwinEnds } from '../../tools/rp2040/house/twin_ends.mjs';

/** Ends with a socket that notes what it is told. */
function rig() {
  const said = [];
  const ends = new TwinEnds((item) => said.push(item));
  const heard = [];
  const socket = {
    connected: () => heard.push('connected'),
    broken: () => heard.push('broken'),
    finished: () => heard.push('finished'),
    arrived: (data) => heard.push([...data]),
  };
  const agenda = new Agenda();
  return { ends, said, heard, socket, agenda };
}

test('it is connected in the next moment of the link, or refused', () => {
  const { ends, said, heard, socket, agenda } = rig();
  ends.open(socket, '192.168.77.20', 1883);
  assert.deepEqual(said, [{ kind: 'NetOpen', conn: 0, port: 1883 }]);
  assert.deepEqual(heard, []);
  ends.renew([], agenda);
  assert.deepEqual(heard, ['connected']);
  ends.open(socket, '192.168.77.20', 1);
  ends.renew([{ kind: 'NetRefused', conn: 1 }], agenda);
  assert.deepEqual(heard, ['connected', 'broken']);
});

test('data in segments, and none after the end', () => {
  const { ends, said, socket, agenda } = rig();
  const line = ends.open(socket, '192.168.77.20', 1883);
  ends.renew([], agenda);
  line.send(new Uint8Array(3000));
  assert.deepEqual(said.slice(1).map(({ data }) => data.length), [1400, 1400, 200]);
  line.end();
  assert.equal(said.at(-1).kind, 'NetClose');
  line.send(new Uint8Array(10));
  line.abort();
  assert.equal(said.length, 5);
});

test('what is told again comes once, and the end after all of it', () => {
  const { ends, heard, socket, agenda } = rig();
  ends.open(socket, '192.168.77.20', 1883);
  ends.renew([], agenda);
  const data = { kind: 'NetRx', conn: 0, tUs: 5000, data: Uint8Array.from([1]) };
  ends.renew([data], agenda);
  agenda.drop(1e6);
  ends.renew([data, { kind: 'NetClosed', conn: 0 }], agenda);
  assert.deepEqual(heard, ['connected']);
  agenda.run(5e6);
  assert.deepEqual(heard, ['connected', [1], 'finished']);
});

test('who connects finds a socket that listens, or is closed', () => {
  const { ends, said, heard, socket, agenda } = rig();
  ends.plug({ knock: (port) => (port === 80 ? socket : null) });
  ends.renew([{ kind: 'NetAccept', conn: 128, port: 81 }], agenda);
  assert.deepEqual(said, [{ kind: 'NetClose', conn: 128 }]);
  ends.renew([{ kind: 'NetAccept', conn: 129, port: 80 }], agenda);
  assert.deepEqual(heard, []); // accept() of the socket has told it
  ends.renew([{ kind: 'NetRx', conn: 129, tUs: 1, data: Uint8Array.from([7]) }], agenda);
  agenda.run(1e3);
  assert.deepEqual(heard, [[7]]);
});

test('after the chip began anew its connections are nobody\'s', () => {
  const { ends, said, heard, socket, agenda } = rig();
  const line = ends.open(socket, '192.168.77.20', 1883);
  ends.reset();
  line.send(new Uint8Array(1));
  line.abort();
  ends.renew([], agenda);
  assert.deepEqual([said.length, heard], [1, []]);
});
