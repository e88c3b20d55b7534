// islet: who is at the other end of the emulated board's connections in a measurement, on its time.
// GPL-3.0-or-later
//
// A broker that behaves, or does not (BROKERS), and clients of the page that come and go. Nothing is
// random and no socket is real, so a run repeats to the byte.

const MS = 1e6;
const PUMP_MS = 1; // how often a flood looks for room
const ROOM = 2048; // bytes a flood keeps waiting at the chip
const AGAIN_MS = 500; // after a refusal, as a person would
const PORT = 80;
const text = new TextEncoder();
const [CONNECT, PUBLISH, SUBSCRIBE, PING] = [1, 3, 8, 12];
const OVERSIZED = 100_000;

/** A connection's end here; `peer` has data(line, bytes) and may have ended(line). */
export class Line {
  constructor(peer, socket) {
    this.peer = peer;
    this.socket = socket;
    this.over = false;
    this.window = true;
  }

  takes() {
    return this.window;
  }

  send(bytes) {
    this.peer.data(this, bytes);
  }

  say(bytes) {
    if (!this.over) {
      this.socket.arrived(Uint8Array.from(bytes));
    }
  }

  finish() {
    if (!this.over) {
      this.over = true;
      this.socket.finished();
    }
  }

  end() {
    this.peer.ended?.(this);
    this.finish();
  }

  abort() {
    if (!this.over) {
      this.over = true;
      this.peer.ended?.(this);
    }
  }
}

/** Whole MQTT packets out of a stream: [kind, flags, body]. */
function packets(line, bytes) {
  line.rest = [...line.rest ?? [], ...bytes];
  const found = [];
  for (;;) {
    const { rest } = line;
    let size = 0;
    let at = 1;
    let byte;
    do {
      byte = rest[at];
      size += (byte & 127) * 128 ** (at - 1);
      at += 1;
    } while (byte & 128);
    if (!(rest.length >= at + size)) {
      return found;
    }
    found.push([rest[0] >> 4, rest[0] & 15, rest.slice(at, at + size)]);
    line.rest = rest.slice(at + size);
  }
}

/** What a broker owes for a packet. */
function owed([kind, flags, body]) {
  switch (kind) {
    case CONNECT: return [0x20, 2, 0, 0];
    case SUBSCRIBE: return [0x90, 3, body[0], body[1], body[body.length - 1]];
    case PING: return [0xd0, 0];
    case PUBLISH: {
      const topic = (body[0] << 8) | body[1];
      return flags & 6 ? [0x40, 2, body[2 + topic], body[3 + topic]] : [];
    }
    default: return [];
  }
}

/** A PUBLISH of `size` bytes of payload. */
export function published(topic, payload, qos = 0, number = 1) {
  const name = text.encode(topic);
  const body = [name.length >> 8, name.length & 255, ...name];
  if (qos) {
    body.push(number >> 8, number & 255);
  }
  const bytes = typeof payload === 'string' ? text.encode(payload) : new Uint8Array(payload).fill(65);
  let left = body.length + bytes.length;
  const head = [0x30 | (qos << 1)];
  for (; left > 127; left >>= 7) {
    head.push((left & 127) | 128);
  }
  const out = new Uint8Array(head.length + 1 + body.length + bytes.length);
  out.set([...head, left, ...body]);
  out.set(bytes, head.length + 1 + body.length);
  return out;
}

/** How a broker behaves: opened(line, peers), data(line, bytes, peers). */
const BROKERS = {
  good: {
    opened: (line) => line.socket.connected(),
    data: (line, bytes) => packets(line, bytes).forEach((packet) => line.say(owed(packet))),
  },
  refused: { opened: (line) => line.socket.broken() },
  silent: { opened: (line) => line.socket.connected(), data: () => {} }, // half open
  slow: { // a byte a second each way
    opened: (line, peers) => {
      line.owes = [];
      line.socket.connected();
      const drip = () => {
        line.window = true;
        if (line.owes.length) {
          line.say([line.owes.shift()]);
        }
        if (!line.over) {
          peers.after(1000, drip);
        }
      };
      drip();
    },
    data: (line, bytes) => {
      line.window = false;
      packets(line, bytes).forEach((packet) => line.owes.push(...owed(packet)));
    },
  },
  flood: {
    opened: (line, peers) => {
      line.socket.connected();
      let number = 0;
      const pump = () => {
        const { waiting, received } = line.socket;
        const there = waiting.reduce((sum, { length }) => sum + length, received);
        if (line.known && !line.over && there < ROOM) {
          number += 1;
          line.say(peers.flood(number));
          peers.told += 1;
        }
        if (!line.over) {
          peers.after(PUMP_MS, pump);
        }
      };
      pump();
    },
    data: (line, bytes) => packets(line, bytes).forEach((packet) => {
      line.known ||= packet[0] === SUBSCRIBE;
      line.say(owed(packet));
    }),
  },
};

export class Peers {
  /** @param {import('../../../rp2040/devices/w5500.mjs').W5500} chip whose cable ends here */
  constructor(chip, prefix) {
    this.chip = chip;
    this.prefix = prefix;
    this.broker = 'good';
    this.there = true; // the broker's host
    this.brokerLines = new Set();
    this.heardMs = null; // when the broker last heard a PUBLISH
    this.overhear = null; // gets all bytes that a broker gets
    this.told = 0; // packets of a flood
    this.port = 20_000;
    this.generation = 0; // of the clients: those of before stop
    this.forget();
  }

  get ms() {
    return this.chip.time.now() / MS;
  }

  after(ms, act) {
    this.chip.time.after(ms * MS, act);
  }

  plug(chip) {
    this.chip = chip;
  }

  forget() {
    this.answers = []; // {path, status, ms} of each that came to its end
    this.refused = 0; // found no socket that listened
    this.broken = 0; // ended before an answer was whole
    this.firstMs = null; // the first whole answer
  }

  // --- the broker -----------------------------------------------------------------------------

  open(socket) {
    if (!this.there) {
      return null;
    }
    const how = BROKERS[this.broker];
    const line = new Line({
      data: (self, bytes) => {
        if (bytes[0] >> 4 === PUBLISH) {
          this.heardMs = this.ms;
        }
        this.overhear?.(bytes);
        how.data(self, bytes);
      },
      ended: (self) => this.brokerLines.delete(self),
    }, socket);
    this.brokerLines.add(line);
    this.after(0.3, () => how.opened(line, this));
    return line;
  }

  /** From now on it is this one; the connections there are break. */
  become(broker, there = true) {
    this.broker = broker;
    this.there = there;
    this.heardMs = null;
    for (const line of [...this.brokerLines]) {
      line.over = true;
      line.socket.broken();
    }
    this.brokerLines.clear();
  }

  /** What a flood says next: commands, and now and then far more than anybody asked for. */
  flood(number) {
    if (number % 10 === 0) {
      return published(`${this.prefix}/set/goal`, OVERSIZED, 1, number & 0x7fff || 1);
    }
    return published(`${this.prefix}/set/goal`, '{"goal":"charge"}', 1, number & 0x7fff || 1);
  }

  // --- the page's clients ---------------------------------------------------------------------

  /** All there are go, in the middle of whatever it is. */
  leave() {
    this.generation += 1;
  }

  /** `count` clients that ask for one of the paths after the other, without a pause. */
  browse(count, paths) {
    for (let i = 0; i < count; i++) {
      this.ask(paths, i, this.generation);
    }
  }

  ask(paths, turn, generation) {
    if (generation !== this.generation) {
      return;
    }
    const path = paths[turn % paths.length];
    const from = this.ms;
    let head = '';
    const next = (pause) => this.after(pause, () => this.ask(paths, turn + 1, generation));
    const line = this.knock({
      data: (_, bytes) => {
        head += String.fromCharCode(...bytes.subarray(0, 64));
      },
      ended: () => {
        const status = Number(head.slice(9, 12));
        const row = { path, status, ms: this.ms - from };
        if (status) {
          this.answers.push(row);
        } else {
          this.broken += 1;
        }
        if (status === 200) {
          this.firstMs ??= this.ms;
        }
        next(status === 200 ? 1 : AGAIN_MS);
      },
    });
    if (line) {
      line.say(text.encode(`GET ${path} HTTP/1.1\r\nHost: islet\r\nUser-Agent: bench\r\n\r\n`));
    } else {
      next(AGAIN_MS);
    }
  }

  knock(peer) {
    this.port = 20_000 + ((this.port + 1) % 20_000);
    const line = new Line(peer, null);
    line.socket = this.chip.knock(PORT, { ip: '192.168.77.1', port: this.port }, line);
    if (!line.socket) {
      this.refused += 1;
      return null;
    }
    return line;
  }

  /** Clients that say a byte a second of a head without end, and come again when they are cut off. */
  drip(count, generation = this.generation) {
    const start = () => {
      if (generation !== this.generation) {
        return;
      }
      const head = 'GET / HTTP/1.1\r\nX-Wait: ';
      let at = 0;
      const line = this.knock({
        data: () => {},
        ended: () => {
          this.broken += 1;
          this.after(AGAIN_MS, start);
        },
      });
      const say = () => {
        if (!line.over && generation === this.generation) {
          line.say(text.encode(head[at] ?? 'a'));
          at += 1;
          this.after(1000, say);
        }
      };
      if (line) {
        say();
      } else {
        this.after(AGAIN_MS, start);
      }
    };
    for (let i = 0; i < count; i++) {
      start();
    }
  }

  /** Clients that send so many bytes of a command, as fast as they are taken. */
  heap(count, bytes, generation = this.generation) {
    const start = () => {
      if (generation !== this.generation) {
        return;
      }
      const line = this.knock({
        data: () => {},
        ended: () => {
          this.broken += 1;
          this.after(AGAIN_MS, start);
        },
      });
      if (!line) {
        this.after(AGAIN_MS, start);
        return;
      }
      line.say(text.encode(
        `POST /api/command HTTP/1.1\r\nHost: islet\r\nContent-Length: ${bytes}\r\n\r\n`,
      ));
      let left = bytes;
      const pump = () => {
        if (line.over || generation !== this.generation || !left) {
          return;
        }
        const there = line.socket.waiting.reduce((sum, { length }) => sum + length, 0);
        if (there < ROOM) {
          const count_ = Math.min(1460, left);
          left -= count_;
          line.say(new Uint8Array(count_).fill(0x20));
        }
        this.after(PUMP_MS, pump);
      };
      pump();
    };
    for (let i = 0; i < count; i++) {
      start();
    }
  }
}
