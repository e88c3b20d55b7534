// islet: notices the time-out that the firmware gives its watchdog.
// GPL-3.0-or-later

const WATCHDOG = 0x40058;
const LOAD = 0x04;
const LOAD_MASK = 0xffffff;
const PER_MS = 2000; // counts: the countdown goes twice as fast as meant (errata RP2040-E1)

/** Listens at the watchdog's LOAD register. */
export class Watchdog {
  /** @param {(timeoutMs: number) => void} tell called when the time-out becomes another one */
  constructor(tell) {
    this.tell = tell;
    this.timeoutMs = 0;
  }

  /** Watch this chip from now on; to be called again after each reset. */
  watch(mcu) {
    this.timeoutMs = 0;
    const watchdog = mcu.peripherals[WATCHDOG];
    const write = watchdog.writeUint32.bind(watchdog);
    watchdog.writeUint32 = (offset, value) => {
      write(offset, value);
      const timeoutMs = Math.round((value & LOAD_MASK) / PER_MS);
      if (offset === LOAD && timeoutMs !== this.timeoutMs) {
        this.timeoutMs = timeoutMs;
        this.tell(timeoutMs);
      }
    };
  }
}
