// islet: what is wired to the chip from outside; it stays wired when the chip is reset.
// GPL-3.0-or-later

import { USBCDC } from './rp2040js.mjs';
import { fixUsb } from './fixes/usb.mjs';

const PINS = 30;

/** Listeners, outside levels and devices, attached anew to each boot's RP2040. */
export class Hub {
  constructor(pico) {
    this.pico = pico;
    this.listeners = new Map();
    this.external = new Array(PINS).fill(null);
    this.driven = new Array(PINS).fill(null);
    this.spi = [0, 1].map((index) => new SpiPort(pico, index));
    this.fed = [0, 0]; // world time until which each UART's line is taken
    this.connected = false;
  }

  on(name, callback) {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all.add(callback));
    return () => all.delete(callback);
  }

  emit(name, ...values) {
    for (const callback of this.listeners.get(name) ?? []) {
      callback(...values);
    }
  }

  attach() {
    const { mcu, parts } = this.pico;
    this.external.forEach((level, gpio) => level !== null && parts.pads.set(gpio, level));
    mcu.gpio.forEach((pin) => pin.addListener(() => this.pinChanged(pin)));
    parts.pwm.onChange = (gpio, setting) => this.emit(`pwm${gpio}`, setting, this.pico.nanos);
    parts.uarts.forEach((uart, index) => {
      uart.onByte = (byte) => this.emit(`uart${index}`, byte, this.pico.nanos);
    });
    parts.spis.forEach((spi, index) => {
      spi.onTransmit = (frame) => this.spi[index].onTransmit(frame);
    });
    this.attachUsb(mcu);
  }

  attachUsb(mcu) {
    const decoder = new TextDecoder();
    const cdc = new USBCDC(mcu.usbCtrl);
    this.connected = false;
    this.host = fixUsb(mcu, cdc);
    cdc.onDeviceConnected = () => {
      this.connected = true;
      this.emit('connected');
    };
    cdc.onSerialData = (bytes) => {
      this.emit('console', decoder.decode(bytes, { stream: true }), bytes);
    };
  }

  /** A chip in reset drives nothing. */
  release() {
    this.driven.forEach((level, gpio) => {
      if (level !== null) {
        this.driven[gpio] = null;
        this.emit(`pin${gpio}`, null, this.pico.nanos);
      }
    });
  }

  level(pin) {
    return pin.outputEnable && !pin.outputDisable ? Number(pin.outputValue) : null;
  }

  pinChanged(pin) {
    const level = this.level(pin);
    if (level !== this.driven[pin.index]) {
      this.driven[pin.index] = level;
      this.emit(`pin${pin.index}`, level, this.pico.nanos);
    }
  }

  setPin(gpio, level) {
    this.external[gpio] = level;
    this.pico.parts.pads.set(gpio, level);
  }

  /** Characters come in one after the other; one that is late comes now. */
  uartFeed(index, byte, atNanos) {
    const { pico } = this;
    const { clock, parts } = pico;
    const delay = Math.max(0, atNanos - pico.nanos) / pico.scale;
    clock.createAlarm(() => parts.uarts[index].receive(byte)).schedule(delay);
  }

  type(bytes) {
    this.host.type(bytes);
  }
}

/** The device on one SPI bus. */
class SpiPort {
  constructor(pico, index) {
    this.pico = pico;
    this.index = index;
    /** @type {(frame: number) => number} */
    this.onTransmit = () => 0xff;
  }

  get baudHz() {
    return this.pico.parts.spis[this.index].baudHz;
  }
}
