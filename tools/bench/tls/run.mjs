// islet: runs the program on the emulated chip and prints what it says.
// GPL-3.0-or-later
//
//   node run.mjs tls.bin LIMIT_S [cache]

import { Pico } from '../../rp2040/chip.mjs';

const [image, limitS, cache] = process.argv.slice(2);
const pico = new Pico({ image, cache: cache ? {} : null });
let text = '';
pico.onUartByte(0, (byte) => {
  text += String.fromCharCode(byte);
});
const ended = () => /^(done|FAILED.*|\*\*\*.*)\r?\n/m.test(text);
pico.run(1000 * Number(limitS), ended);
process.stdout.write(text.replaceAll('\r', ''));
process.exitCode = text.includes('done') ? 0 : 1;
