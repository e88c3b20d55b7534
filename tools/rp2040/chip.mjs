// islet: an emulated Raspberry Pi Pico: rp2040js, its corrections, and a run loop.
// GPL-3.0-or-later
//
// const pico = new Pico({ image: 'firmware.bin' })   see OPTIONS below for the rest
//
// Time: all nanoseconds that go in or come out are the world's, since power-up; they go on through
// resets. The chip's crystal may be off by `clockPpm`: one second of the chip lasts
// (1 + clockPpm / 1e6) seconds of the world. Scaling happens here, at the edge; inside the chip
// 125 000 000 cycles are always one second.
//
//   pico.nanos                    world time since power-up
//   pico.runUntil(nanos, stop?)   run; true when ended early by stop() or by the predicate
//   pico.run(ms, stop?)           the same, from now
//   pico.stop()                   in a callback: return after the present instruction
//   pico.onPin(gpio, cb)          cb(level, nanos): 0, 1, or null when the chip lets go
//   pico.pin(gpio)                what the chip drives: 0, 1 or null
//   pico.setPin(gpio, level)      what the outside drives: 0, 1 or null
//   pico.pwm(gpio)                {freqHz, dutyU16, enabled} of the slice that owns the pin
//   pico.onPwm(gpio, cb)          cb({freqHz, dutyU16, enabled}, nanos) when that changes
//   pico.bootsel(pressed)         the module's button, until the next reset
//   pico.uartFeed(n, byte, at?)   a character whose stop bit ends at `at` (default: now)
//   pico.onUartByte(n, cb)        cb(byte, nanos) when a sent character's stop bit has ended
//   pico.spi(n).onTransmit = fn   fn(frame) => answer, at the end of each frame; spi(n).baudHz
//   pico.onConsole(cb)            cb(text, bytes) of the USB console
//   pico.type(bytes | text)       into the USB console
//   pico.exec(code, ms?)          through the raw REPL: its output, or an Error
//   pico.onReset(cb)              cb(reason, nanos): 'watchdog', 'forced', 'run' or 'power'
//   pico.reset(reason)            from outside: 'run' (RUN pin), 'power' or 'watchdog'
//   pico.hold(nanos)              time passes, the chip stays in reset
//   pico.ram, pico.ramView        the chip's RAM (offset 0 is 0x20000000), the same for ever
//   pico.flash                    its flash, likewise
//   pico.busyNanos, idleNanos     how long the CPU ran and slept since power-up
//   pico.clkSysHz                 its clock; pico.mcu is rp2040js' RP2040, new after each reset
//
// Every on…() returns a function that takes the callback away again. All of this outlives resets.

import { readFileSync } from 'node:fs';

import { FlashCache } from './cache.mjs';
import { ChipClock } from './clock.mjs';
import { Converter, IDEAL, TYPICAL } from './converter.mjs';
import { PAD_SS } from './fixes/flash.mjs';
import { applyFixes } from './fixes/index.mjs';
import { WATCHDOG } from './fixes/watchdog.mjs';
import { Hub } from './hub.mjs';
import { RawRepl } from './repl.mjs';
import { ConsoleLogger, LogLevel, RP2040, root } from './rp2040js.mjs';

export { IDEAL, LogLevel, TYPICAL };

const FLASH_BYTES = 2 * 1024 * 1024;
const RAM_BYTES = 264 * 1024;
const FLASH_START = 0x10000000;
const PREDICATE_NANOS = 20e3; // how often a `stop` predicate is asked

/** The options of a Pico, with their defaults. Files may be given by path or as bytes. */
export const OPTIONS = {
  bootrom: new URL('.cache/rp2040/bootrom.bin', root),
  image: null, // a firmware.bin, put at the start of an erased flash
  flash: null, // or the whole flash, as pico.flash was saved
  adcVolts: null, // (channel, nanos) => volts at the pin; undefined: the board's own
  adcCode: null, // or (channel, nanos) => ideal code 0…4095 as a float
  adc: TYPICAL, // the converter's errors: TYPICAL, IDEAL or {offsetLsb, gain, stepsLsb, …}
  nor: {}, // eraseSectorNanos, eraseBlockNanos, programNanos, onErase, onProgram
  cache: null, // the flash's cache as a model: {} as cache.mjs assumes; null: no access ever waits
  clockPpm: 0,
  seed: 1, // of the RAM's noise after power-up and the ring oscillator's random bits
  log: LogLevel.Error,
};

// What a bare Pico has on its inputs: nothing, nothing, nothing, a third of VSYS, 27 °C.
const BARE_VOLTS = [0, 0, 0, 5 / 3, 0.706];

const bytesOf = (source) => (ArrayBuffer.isView(source) ? source : readFileSync(source));

export class Pico {
  constructor(options = {}) {
    const unknown = Object.keys(options).filter((key) => !(key in OPTIONS));
    if (unknown.length) {
      throw new Error(`Pico: no such option: ${unknown}; there are ${Object.keys(OPTIONS)}`);
    }
    this.options = { ...OPTIONS, ...options };
    const rom = Uint8Array.from(bytesOf(this.options.bootrom));
    this.bootrom = new Uint32Array(rom.buffer);
    this.flash = new Uint8Array(FLASH_BYTES).fill(0xff);
    this.flash.set(bytesOf(this.options.flash ?? this.options.image ?? new Uint8Array()));
    this.ram = new Uint8Array(RAM_BYTES);
    this.ramView = new DataView(this.ram.buffer);
    this.scale = 1 + this.options.clockPpm / 1e6;
    this.converter = new Converter(this.options.adc);
    this.originNanos = 0; // chip time of the power-up or reset that this.clock counts from
    this.idleBefore = 0; // chip time slept before that
    this.resets = 0;
    this.stopped = false;
    this.pendingReset = null;
    this.hub = new Hub(this);
    this.boot(null);
    this.repl = new RawRepl(this);
  }

  // Time

  get chipNanos() {
    return this.originNanos + this.clock.nanosCounter;
  }

  get nanos() {
    return this.chipNanos * this.scale;
  }

  get idleNanos() {
    return (this.idleBefore + this.engine.idleNanos) * this.scale;
  }

  get busyNanos() {
    return this.nanos - this.idleNanos;
  }

  get clkSysHz() {
    return this.mcu.clkSys;
  }

  // Boot and reset

  /** A new chip around the old flash; `kept` is what the watchdog carries over. */
  boot(kept) {
    this.clock = new ChipClock();
    const mcu = new RP2040(this.clock);
    mcu.logger = new ConsoleLogger(this.options.log, false);
    mcu.bootrom = this.bootrom;
    mcu.flash = this.flash;
    mcu.flash16 = new Uint16Array(this.flash.buffer);
    mcu.flashView = new DataView(this.flash.buffer);
    this.fillRam();
    mcu.sram = this.ram;
    mcu.sramView = this.ramView;
    this.mcu = mcu;
    this.cache = this.options.cache === null ? null : new FlashCache(this.options.cache);
    this.parts = applyFixes(mcu, {
      nor: this.options.nor,
      seed: this.options.seed + this.resets,
      sample: (channel) => this.sample(channel),
      kept,
      cache: this.cache,
      onWatchdog: (reason, scratch) => this.watchdogFired(reason, scratch),
    });
    this.engine = this.parts.engine;
    mcu.core.reset();
    mcu.core.PC = FLASH_START; // past the boot ROM's own start, at the second stage in the flash
    this.hub.attach();
  }

  /** RAM wakes up with anything in it; here with noise, so that nothing relies on zeros. */
  fillRam() {
    let state = (this.options.seed + this.resets) | 1;
    const words = new Int32Array(this.ram.buffer);
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
  }

  watchdogFired(reason, scratch) {
    this.pendingReset = { kept: { reason, scratch }, reason: reason & 2 ? 'forced' : 'watchdog' };
    this.engine.interrupt();
  }

  /** Reset from outside: nothing but the flash stays; of the watchdog also what it carries over. */
  reset(reason = 'run') {
    if (reason === 'watchdog') {
      this.watchdogFired(1, this.mcu.peripherals[WATCHDOG].scratchData.slice());
      return;
    }
    this.pendingReset = { kept: null, reason };
    this.engine.interrupt();
  }

  /** Let time pass to `nanos` with the chip held in reset. */
  hold(nanos) {
    if (this.pendingReset !== null) {
      this.restart();
    }
    this.originNanos = Math.max(this.originNanos, nanos / this.scale - this.clock.nanosCounter);
  }

  restart() {
    const { kept, reason } = this.pendingReset;
    this.pendingReset = null;
    this.resets++;
    this.hub.release();
    this.hub.emit('reset', reason, this.nanos); // while this.clock still counts from the origin
    this.originNanos += this.clock.nanosCounter;
    this.idleBefore += this.engine.idleNanos;
    this.boot(kept);
  }

  // Running

  /** End runUntil() after the present instruction. */
  stop() {
    this.stopped = true;
    this.engine.interrupt();
  }

  /**
   * Run until the world's time is `nanos`.
   * @param {number} nanos
   * @param {(() => boolean) | null} stop asked every 20 µs; prefer stop() in a callback
   * @returns {boolean} whether it ended before `nanos`
   */
  runUntil(nanos, stop = null) {
    const end = nanos / this.scale;
    this.stopped = false;
    // in this boot's time: the sum that chipNanos is may stay a rounding below `end` for ever
    while (this.clock.nanosCounter < end - this.originNanos) {
      let until = end - this.originNanos;
      if (stop !== null) {
        until = Math.min(until, this.clock.nanosCounter + PREDICATE_NANOS);
      }
      this.engine.run(until);
      if (this.pendingReset !== null) {
        this.restart();
      }
      if (this.stopped || (stop !== null && stop())) {
        return true;
      }
    }
    return false;
  }

  run(ms, stop = null) {
    return this.runUntil(this.nanos + ms * 1e6, stop);
  }

  // The converter

  sample(channel) {
    const { adcVolts, adcCode } = this.options;
    const code = adcCode?.(channel, this.nanos);
    if (code !== undefined && code !== null) {
      return this.converter.ofCode(code);
    }
    return this.converter.ofVolts(adcVolts?.(channel, this.nanos) ?? BARE_VOLTS[channel]);
  }

  // Pins

  pin(gpio) {
    return this.hub.level(this.gpioPin(gpio));
  }

  bootsel(pressed) {
    this.mcu.qspi[PAD_SS].setInputValue(!pressed);
  }

  setPin(gpio, level) {
    this.gpioPin(gpio);
    this.hub.setPin(gpio, level);
  }

  onPin(gpio, callback) {
    this.gpioPin(gpio);
    return this.hub.on(`pin${gpio}`, callback);
  }

  gpioPin(gpio) {
    const pin = this.mcu.gpio[gpio];
    if (!pin) {
      throw new Error(`GP${gpio}: a Pico has GP0 to GP29`);
    }
    return pin;
  }

  pwm(gpio) {
    this.gpioPin(gpio);
    return this.parts.pwm.setting(gpio);
  }

  onPwm(gpio, callback) {
    this.gpioPin(gpio);
    return this.hub.on(`pwm${gpio}`, callback);
  }

  // Buses

  uartFeed(index, byte, atNanos = this.nanos) {
    this.hub.uartFeed(index, byte, atNanos);
  }

  onUartByte(index, callback) {
    return this.hub.on(`uart${index}`, callback);
  }

  spi(index) {
    return this.hub.spi[index];
  }

  // The console

  onConsole(callback) {
    return this.hub.on('console', callback);
  }

  type(bytes) {
    this.hub.type(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
  }

  /** Run Python through the raw REPL; what it prints, or an Error with its traceback. */
  exec(code, ms = 10000) {
    return this.repl.exec(code, ms);
  }

  /** Run until the console has connected, at most `ms`. */
  waitForConsole(ms = 3000) {
    if (!this.hub.connected && !this.run(ms, () => this.hub.connected) && !this.hub.connected) {
      throw new Error(`no USB console after ${ms} ms: does the image have one?`);
    }
  }

  onReset(callback) {
    return this.hub.on('reset', callback);
  }
}
