// islet: an emulated board whose USB console is a TCP port on this machine.
// GPL-3.0-or-later

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';

import { Pico } from './chip.mjs';
import { root } from './rp2040js.mjs';

const HELP = `usage: node tools/rp2040/console.mjs PORT [options]

Runs an emulated Pico in real time and serves its USB console on 127.0.0.1:PORT. Of two clients the
later one has it:
    mpremote connect socket://127.0.0.1:PORT
PORT 0 takes a free one and prints it. Ctrl-C or SIGTERM ends.

  --image FILE   the firmware (default: .cache/rp2040/pico/firmware.bin, made by make image)
  --flash FILE   the whole flash: read at the start if it is there, saved at the end
  --bootrom FILE the boot ROM (default: .cache/rp2040/bootrom.bin)
  --ppm N        drift of the crystal: a second of the chip lasts 1 + N/1e6 seconds (default 0)
  --fast         do not wait for real time
  --help`;

const SLICE_MS = 5;
const LAG_MS = 50; // beyond that the chip is slower than real time: do not try to catch up

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      image: { type: 'string' },
      flash: { type: 'string' },
      bootrom: { type: 'string' },
      ppm: { type: 'string', default: '0' },
      fast: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const port = Number(positionals[0]);
  if (positionals.length !== 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error('PORT: one number, 0 to 65535');
  }
  if (!Number.isFinite(Number(values.ppm))) {
    throw new Error(`--ppm: ${values.ppm} is no number`);
  }
  return { ...values, port, ppm: Number(values.ppm) };
}

/** The board; a saved flash goes before an image. */
function board({ image, flash, bootrom, ppm }) {
  const standard = new URL('.cache/rp2040/pico/firmware.bin', root);
  const saved = flash !== undefined && existsSync(flash);
  const source = saved ? { flash } : { image: image ?? standard };
  const missing = Object.values(source).find((file) => !existsSync(file));
  if (missing) {
    const name = missing.pathname ?? missing;
    throw new Error(`no image ${name}: make one with \`make image IMAGE=pico\``);
  }
  return new Pico({ ...source, ...(bootrom ? { bootrom } : {}), clockPpm: ppm });
}

/** One client at a time; the console's output without a client is lost, as on USB. */
function serve(pico, port) {
  let client = null;
  pico.onConsole((_, bytes) => client?.write(Buffer.from(bytes)));
  const server = net.createServer((socket) => {
    client?.destroy(); // whoever comes takes over
    client = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => pico.type(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      client = client === socket ? null : client;
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/**
 * Run in slices, never ahead of real time. Each turn comes by setImmediate, behind Node's look at
 * the socket: timers that are late when they are set would follow each other without it.
 */
function pace(pico, fast) {
  let realStart = performance.now();
  let chipStart = pico.nanos;
  const next = () => setImmediate(turn);
  const turn = () => {
    const ahead = (pico.nanos - chipStart) / 1e6 - (performance.now() - realStart);
    if (!fast && ahead > 0) {
      setTimeout(next, Math.min(ahead, SLICE_MS));
      return;
    }
    if (ahead < -LAG_MS) {
      realStart = performance.now();
      chipStart = pico.nanos;
    }
    pico.run(SLICE_MS);
    next();
  };
  turn();
}

function save(pico, file) {
  writeFileSync(`${file}.new`, pico.flash);
  renameSync(`${file}.new`, file);
}

async function main() {
  const wanted = options();
  const pico = board(wanted);
  pico.waitForConsole();
  const server = await serve(pico, wanted.port);
  const end = () => {
    if (wanted.flash !== undefined) {
      save(pico, wanted.flash);
    }
    process.exit(0);
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  console.log(`board on socket://127.0.0.1:${server.address().port}`);
  pace(pico, wanted.fast);
}

main().catch((error) => {
  console.error(`console: error: ${error.message}`);
  process.exit(1);
});
