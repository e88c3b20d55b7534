// islet: the link to the simulated house: its messages, as tools/twin/link/messages.json has them.
// GPL-3.0-or-later
//
// A message is a u32 length and a body, little endian. A body is a header and items (u8 tag, u16
// length, payload). An item is an object with its name as `kind`. Times are whole µs since
// power-up.

import fs from 'node:fs';

const TABLE = JSON.parse(fs.readFileSync(
  new URL('../../twin/link/messages.json', import.meta.url), 'utf8',
));
export const {
  start: START, 'block end': BLOCK_END, 'output edge': OUTPUT_EDGE, uart: UART, net: NET,
  record: RECORD, bye: BYE,
} = TABLE.why;

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** kind -> [tag, 'name letter', …] of one direction */
const side = (rows) => Object.fromEntries(Object.entries(rows).map(([kind, { tag, fields }]) => [
  kind, [tag, ...fields.map((field) => {
    const [name, letter] = field.split(' ');
    return `${camel(name)} ${letter}`;
  })],
]));
const CHIP = side(TABLE.chip);
const TWIN = side(TABLE.twin);
const WIDTH = { B: 1, H: 2, I: 4, d: 8, T: 6, C: 48 };
const MOST_BYTES = 1 << 20;

/** A message which is not of this protocol. */
export class LinkError extends Error {}

/**
 * What the chip says, as bytes with their length in front.
 * @param {{us: number, why: number, items: object[]}} ask
 */
export function encodeAsk({ us, why, nextFrame = 0, items }) {
  const head = Buffer.alloc(11);
  writeTime(head, 0, us);
  head[6] = why;
  head.writeUInt32LE(nextFrame, 7);
  return framed(head, items, CHIP);
}

/** What the twin says, as bytes with their length in front. */
export function encodeAnswer({ untilUs, items }) {
  const head = Buffer.alloc(6);
  writeTime(head, 0, untilUs);
  return framed(head, items, TWIN);
}

/** The body of a chip's message. */
export function decodeAsk(body) {
  if (body.length < 11) throw new LinkError(`Ask: ${body.length} bytes, expected at least 11`);
  const [us, why, nextFrame] = [readTime(body, 0), body[6], body.readUInt32LE(7)];
  return { us, why, nextFrame, items: itemsOf(body, 11, CHIP) };
}

/** The body of the twin's message. */
export function decodeAnswer(body) {
  if (body.length < 6) throw new LinkError(`Answer: ${body.length} bytes, expected at least 6`);
  return { untilUs: readTime(body, 0), items: itemsOf(body, 6, TWIN) };
}

function framed(head, items, table) {
  const parts = [Buffer.alloc(4), head, ...items.map((item) => pack(item, table))];
  const whole = Buffer.concat(parts);
  whole.writeUInt32LE(whole.length - 4, 0);
  return whole;
}

function pack(item, table) {
  if (!Object.hasOwn(table, item.kind)) {
    throw new LinkError(`${item.kind} does not travel in this direction`);
  }
  const [tag, ...fields] = table[item.kind];
  const values = fields.map((field) => {
    const [name, letter] = field.split(' ');
    return packed(item[name], letter, `${item.kind}.${name}`);
  });
  const payload = Buffer.concat(values);
  const head = Buffer.alloc(3);
  head[0] = tag;
  head.writeUInt16LE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

function packed(value, letter, name) {
  if (letter === 'b') return Buffer.from(value);
  if (letter === 's') return Buffer.from(value, 'utf8');
  const bytes = Buffer.alloc(WIDTH[letter]);
  try {
    if (letter === 'B') bytes.writeUInt8(value);
    else if (letter === 'H') bytes.writeUInt16LE(value);
    else if (letter === 'I') bytes.writeUInt32LE(value);
    else if (letter === 'd') bytes.writeDoubleLE(value);
    else if (letter === 'T') writeTime(bytes, 0, value);
    else value.forEach((part, i) => bytes.writeDoubleLE(part, 8 * i));
  } catch (error) {
    throw new LinkError(`${name}: ${error.message}`);
  }
  return bytes;
}

function itemsOf(body, start, table) {
  const byTag = new Map(Object.entries(table).map(([kind, row]) => [row[0], [kind, row.slice(1)]]));
  const items = [];
  let at = start;
  while (at < body.length) {
    if (body.length - at < 3) throw new LinkError('item cut short');
    const [kind, fields] = byTag.get(body[at]) ?? [];
    if (kind === undefined) throw new LinkError(`tag ${body[at]} is unknown`);
    const end = at + 3 + body.readUInt16LE(at + 1);
    if (end > body.length) throw new LinkError(`${kind}: cut short`);
    items.push(unpack(kind, fields, body.subarray(at + 3, end)));
    at = end;
  }
  return items;
}

function unpack(kind, fields, payload) {
  const item = { kind };
  let at = 0;
  for (const field of fields) {
    const [name, letter] = field.split(' ');
    const size = WIDTH[letter] ?? payload.length - at;
    if (at + size > payload.length) throw new LinkError(`${kind}: ${payload.length} bytes`);
    item[name] = unpacked(payload, at, size, letter);
    at += size;
  }
  if (at !== payload.length) throw new LinkError(`${kind}: ${payload.length} bytes`);
  return item;
}

function unpacked(payload, at, size, letter) {
  switch (letter) {
    case 'B': return payload[at];
    case 'H': return payload.readUInt16LE(at);
    case 'I': return payload.readUInt32LE(at);
    case 'd': return payload.readDoubleLE(at);
    case 'T': return readTime(payload, at);
    case 'C': return Float64Array.from({ length: 6 }, (_, i) => payload.readDoubleLE(at + 8 * i));
    case 's': return payload.toString('utf8', at, at + size);
    default: return payload.subarray(at, at + size);
  }
}

function writeTime(bytes, at, us) {
  bytes.writeUInt32LE(Math.floor(us / 1000), at);
  bytes.writeUInt16LE(us % 1000, at + 4);
}

function readTime(bytes, at) {
  const us = bytes.readUInt16LE(at + 4);
  if (us > 999) throw new LinkError(`${us} µs within a millisecond, allowed 0…999`);
  return bytes.readUInt32LE(at) * 1000 + us;
}

/** The two pipes to the twin; both block, for nothing is to be done before an answer. */
export class Link {
  constructor(pathIn, pathOut) {
    this.in = fs.openSync(pathIn, 'r');
    this.out = fs.openSync(pathOut, 'w');
  }

  /** Say something, get the answer; null when the twin has gone. */
  exchange(ask) {
    try {
      writeAll(this.out, encodeAsk(ask));
    } catch (error) {
      if (error.code === 'EPIPE') return null;
      throw error;
    }
    const head = this.read(4);
    if (head === null) return null;
    const length = head.readUInt32LE(0);
    if (length > MOST_BYTES) throw new LinkError(`message of ${length} bytes`);
    const body = this.read(length);
    return body === null ? null : decodeAnswer(body);
  }

  read(count) {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; ) {
      const got = fs.readSync(this.in, bytes, at, count - at, null);
      if (got === 0) return null;
      at += got;
    }
    return bytes;
  }
}

function writeAll(fd, bytes) {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at);
}
