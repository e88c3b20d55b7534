// islet: runs Python on an emulated chip with an image, right after its start; prints what it says.
// GPL-3.0-or-later
//
//   node onchip.mjs firmware.bin script.py…
//
// Before each script the chip starts softly: its file system stays, its memory does not.

import { readFileSync } from 'node:fs';

import { Pico } from './chip.mjs';

const CTRL_D = '\x04';
const BANNER = 'raw REPL; CTRL-B to exit\r\n>';
const LIMIT_MS = 30_000;

const [image, ...scripts] = process.argv.slice(2);
const pico = new Pico({ image });
pico.exec('pass'); // ends main.py, which the raw REPL's soft start leaves out
for (const script of scripts) {
  pico.type(CTRL_D);
  pico.repl.waitFor(BANNER, LIMIT_MS);
  process.stdout.write(pico.exec(readFileSync(script, 'utf8'), LIMIT_MS));
}
