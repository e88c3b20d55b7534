// islet: all corrections, in the order in which they have to be applied.
// GPL-3.0-or-later

import { Engine } from '../engine.mjs';
import { fixAdc } from './adc.mjs';
import { fixCore1 } from './core1.mjs';
import { fixDma } from './dma.mjs';
import { fixFlash } from './flash.mjs';
import { fixGpio } from './gpio.mjs';
import { fixPio } from './pio.mjs';
import { fixPioExec } from './pio_exec.mjs';
import { fixPioFifo } from './pio_fifo.mjs';
import { fixPwm } from './pwm.mjs';
import { fixRegisters } from './registers.mjs';
import { fixRtc } from './rtc.mjs';
import { fixSpi } from './spi.mjs';
import { fixTimer } from './timer.mjs';
import { fixUart } from './uart.mjs';
import { fixWatchdog } from './watchdog.mjs';

/** Put every correction on a fresh RP2040; what they hand out goes to the Pico. */
export function applyFixes(mcu, { nor, seed, sample, kept, onWatchdog, cache }) {
  fixRegisters(mcu, { seed });
  const pads = fixGpio(mcu);
  const flash = fixFlash(mcu, nor);
  fixAdc(mcu, sample);
  const uarts = fixUart(mcu);
  const spis = fixSpi(mcu);
  const pwm = fixPwm(mcu);
  fixDma(mcu);
  fixCore1(mcu);
  fixPioFifo(mcu);
  fixPioExec(mcu);
  fixPio(mcu);
  fixTimer(mcu);
  fixRtc(mcu);
  fixWatchdog(mcu, onWatchdog, kept);
  return { pads, flash, uarts, spis, pwm, engine: new Engine(mcu, cache) };
}
