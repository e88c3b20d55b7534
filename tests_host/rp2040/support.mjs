// islet: chips for the tests of the corrections: stock, and with the run loop's clock.
// GPL-3.0-or-later

import { ChipClock } from '../../tools/rp2040/clock.mjs';
import { ConsoleLogger, LogLevel, RP2040, SimulationClock } from '../../tools/rp2040/rp2040js.mjs';

function chip(clock) {
  const mcu = new RP2040(clock);
  mcu.logger = new ConsoleLogger(LogLevel.Error, false);
  return mcu;
}

/** rp2040js as it comes. */
export const stock = () => chip(new SimulationClock());

/** On our clock; the test applies the corrections it is about. */
export const fresh = () => chip(new ChipClock());

/** Let time pass without instructions. */
export const pass = (mcu, nanos) => mcu.clock.tick(nanos);

/** Write a register the way the bus does, so that rawWriteValue is right. */
export const poke = (mcu, address, value) => mcu.writeUint32(address, value);
export const peek = (mcu, address) => mcu.readUint32(address) >>> 0;

/** Aliases of a peripheral's registers. */
export const SET = 0x2000;
export const CLEAR = 0x3000;
