// islet: lets a Python test see what the JavaScript side of the link and of the waves makes.
// GPL-3.0-or-later
//
// One JSON object on standard input, one on standard output:
//   {asks, answers}     messages in base64, without their length: decoded, and encoded again
//   {waves, ask}        `ask` rows of [quantity, leg, nanos]: what is there at that instant

import fs from 'node:fs';
import * as link from '../../tools/rp2040/house/link.mjs';
import { Waves } from '../../tools/rp2040/house/waves.mjs';

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const plain = (key, value) => {
  if (value instanceof Float64Array) return [...value];
  if (value === Infinity) return 'inf';
  if (value?.type === 'Buffer') return Buffer.from(value.data).toString('base64');
  return value;
};

function again(text, decode, encode) {
  const message = decode(Buffer.from(text, 'base64'));
  return { message, bytes: encode(message).subarray(4).toString('base64') };
}

const found = {};
if (given.asks) {
  found.asks = given.asks.map((text) => again(text, link.decodeAsk, link.encodeAsk));
  found.answers = given.answers.map((text) => again(text, link.decodeAnswer, link.encodeAnswer));
}
if (given.waves) {
  const { items } = link.decodeAnswer(Buffer.from(given.waves, 'base64'));
  const waves = new Waves(given.harmonics);
  waves.replace(0, items);
  found.values = given.ask.map(([quantity, leg, nanos]) =>
    waves.at(nanos).instant(quantity, leg, nanos));
}
process.stdout.write(JSON.stringify(found, plain));
