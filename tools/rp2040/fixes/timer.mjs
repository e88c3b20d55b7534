// islet: timer alarms fire when the counter reaches them, not up to a microsecond before.
// GPL-3.0-or-later
//
// Defect: RPTimer.writeUint32 (peripherals/timer.js) rounds the time to the alarm down
// (`(value - nanos / 1000) >>> 0`), counted from now and not from the counter's last tick.
// Silicon: data sheet 4.6.3: an alarm fires when the lower 32 bits of the counter match it.

const ALARM0 = 0x10;
const ALARM3 = 0x1c;

/** Where the timer lies on the bus. */
export const TIMER = 0x40054;

/** @param {RP2040} mcu */
export function fixTimer(mcu) {
  const timer = mcu.peripherals[TIMER];
  const write = timer.writeUint32.bind(timer);
  timer.writeUint32 = (offset, value) => {
    write(offset, value);
    if (offset >= ALARM0 && offset <= ALARM3) {
      const { nanos } = mcu.clock;
      const micros = Math.floor(nanos / 1000);
      const wait = (value - micros) >>> 0;
      timer.alarms[(offset - ALARM0) / 4].clockAlarm.schedule(
        Math.max(0, (micros + wait) * 1000 - nanos),
      );
    }
  };
}
