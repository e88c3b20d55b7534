// islet: pads: what a pin drives it also reads, outside levels, pulls, and edges only on change.
// GPL-3.0-or-later
//
// Defects (gpio-pin.js): an output is not looped back to its own input (`q(1); q.value()` is 0);
// pulls do not reach the input; setInputValue() with the level that is there already latches an
// edge, and so does switching the input buffer on; pads start with the input buffer off;
// rp2040.js asks all 30 pins, three getters each, for every read of GPIO_IN.
// Silicon: data sheet 2.19.1 to 2.19.4: the input buffer sees the pad, whoever drives it; edge
// latches need an edge; PADS_BANK0 resets to 0x56 (input enabled, pulled down).
//
// Not modelled: the synchroniser's two cycles, the bus keeper, two sides driving one pad (the
// chip wins).

const PAD_RESET = 0x56;
const IRQ_LEVEL_LOW = 1;

/** The pads seen from outside the chip. */
class Pads {
  constructor(mcu) {
    this.mcu = mcu;
    this.external = new Array(mcu.gpio.length).fill(null);
    this.inputs = 0; // a bit for each pin: what GPIO_IN reads
    this.latch = mcu.gpio.map((pin) => pin.setInputValue.bind(pin));
    for (const pin of mcu.gpio) {
      this.take(pin);
    }
    Object.defineProperty(mcu, 'gpioValues', { get: () => this.inputs });
  }

  take(pin) {
    const update = () => this.update(pin);
    pin.padValue = PAD_RESET;
    pin.lastValue = pin.value;
    pin.irqStatus = IRQ_LEVEL_LOW;
    pin.setInputValue = (value) => this.set(pin.index, value);
    pin.refreshInput = update;
    pin.addListener(update);
  }

  /** 0 or 1: the outside drives the pin; null: it lets go. */
  set(index, level) {
    this.external[index] = level === null || level === undefined ? null : !!level;
    this.update(this.mcu.gpio[index]);
  }

  update(pin) {
    const raw = this.level(pin);
    const bit = 1 << pin.index;
    const was = (this.inputs & bit) !== 0;
    pin.rawInputValue = raw;
    if (pin.inputValue !== was) {
      this.inputs ^= bit;
      this.latch[pin.index](raw);
    }
  }

  level(pin) {
    if (pin.outputEnable && !pin.outputDisable) {
      return pin.outputValue;
    }
    return this.external[pin.index] ?? pin.pullupEnabled;
  }
}

/**
 * @param {RP2040} mcu
 * @returns {Pads} its `set(index, level | null)` drives a pin from outside
 */
export function fixGpio(mcu) {
  return new Pads(mcu);
}
