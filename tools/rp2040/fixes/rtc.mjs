// islet: the real-time clock knows no time zone.
// GPL-3.0-or-later
//
// Defect (peripherals/rtc.js): the calendar is a Date in the host's time zone, so an hour vanishes
// or comes twice when the host's summer time begins or ends, and a run depends on the host.
// Silicon: data sheet 4.8: a plain calendar.

const SETUP_0 = 0x04;
const SETUP_1 = 0x08;
const CTRL = 0x0c;
const RTC_1 = 0x18;
const RTC_0 = 0x1c;
const CTRL_ENABLE = 1;
const CTRL_ACTIVE = 2;
const CTRL_LOAD = 0x10;

/** Where the clock lies on the bus. */
export const RTC = 0x4005c;

/** @param {RP2040} mcu */
export function fixRtc(mcu) {
  const rtc = mcu.peripherals[RTC];
  const read = rtc.readUint32.bind(rtc);
  const write = rtc.writeUint32.bind(rtc);
  let startMillis = Date.UTC(2021, 0, 1);
  let startNanos = 0;

  rtc.readUint32 = (offset) => {
    if (offset !== RTC_1 && offset !== RTC_0) {
      return read(offset);
    }
    const now = new Date(startMillis + (mcu.clock.nanos - startNanos) / 1e6);
    return offset === RTC_1
      ? (now.getUTCFullYear() << 12) | ((now.getUTCMonth() + 1) << 8) | now.getUTCDate()
      : (now.getUTCDay() << 24) | (now.getUTCHours() << 16) | (now.getUTCMinutes() << 8)
        | now.getUTCSeconds();
  };
  rtc.writeUint32 = (offset, value) => {
    if (offset !== CTRL) {
      write(offset, value);
      return;
    }
    rtc.ctrl |= value & CTRL_LOAD;
    if (!(value & CTRL_ENABLE)) {
      rtc.ctrl &= ~(CTRL_ENABLE | CTRL_ACTIVE);
      return;
    }
    rtc.ctrl |= CTRL_ENABLE | CTRL_ACTIVE;
    if (rtc.ctrl & CTRL_LOAD) {
      rtc.ctrl &= ~CTRL_LOAD;
      const date = read(SETUP_0);
      const time = read(SETUP_1);
      startMillis = Date.UTC((date >> 12) & 0xfff, ((date >> 8) & 15) - 1, date & 31,
        (time >> 16) & 31, (time >> 8) & 63, time & 63);
      startNanos = mcu.clock.nanos;
    }
  };
}
