// islet: the watchdog ends the run instead of firing for ever.
// GPL-3.0-or-later
//
// Defect: when the watchdog expires, Timer32PeriodicAlarm (utils/timer32.js) re-arms itself with
// a delta of 0, and clock.tick() never returns (200 000 callbacks at one instant were counted).
// RP2040.reset() is no way out either: it wipes the flash.
// Silicon: data sheet 4.7: the countdown stops at the reset; REASON and the eight SCRATCH registers
// outlive it, everything else does not.

/** Where the watchdog lies on the bus. */
export const WATCHDOG = 0x40058;

/**
 * @param {RP2040} mcu
 * @param {(reason: number, scratch: Uint32Array) => void} onReset reason: 1 timer, 2 forced
 * @param {{reason: number, scratch: Uint32Array} | null} kept what outlived the reset before
 */
export function fixWatchdog(mcu, onReset, kept = null) {
  const watchdog = mcu.peripherals[WATCHDOG];
  if (kept) {
    watchdog.scratchData.set(kept.scratch);
    watchdog.reason = kept.reason;
  }
  watchdog.onWatchdogTrigger = () => {
    watchdog.alarm.enable = false;
    watchdog.timer.enable = false;
    onReset(watchdog.reason, watchdog.scratchData.slice());
  };
}
