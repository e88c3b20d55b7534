// islet: the pinned npm package rp2040js, found in the cache and not beside this file.
// GPL-3.0-or-later

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const PACKAGE = new URL('.cache/node/node_modules/rp2040js/dist/esm/', ROOT);

if (!existsSync(PACKAGE)) {
  throw new Error(`no rp2040js in ${fileURLToPath(PACKAGE)}: run \`make image IMAGE=pico\` or `
    + '`make test`, which fetch it, or `python3 -m tools.setup board`');
}

/** A module of the package that its index does not export. */
const inner = (path) => import(new URL(path, PACKAGE).href);

/** Everything the package's index exports. */
export const {
  BasePeripheral, ConsoleLogger, FIFO, GPIOPinState, LogLevel, RP2040, USBCDC,
} = await inner('index.js');

/** The parts that only tests and the corrections need. */
export const { SimulationClock } = await inner('clock/simulation-clock.js');
export const { CortexM0Core } = await inner('cortex-m0-core.js');
export const { WaitType } = await inner('peripherals/pio.js');
export const { Timer32 } = await inner('utils/timer32.js');

/** The repository's root, a file: URL that ends in a slash. */
export const root = ROOT;
