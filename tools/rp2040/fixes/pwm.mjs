// islet: PWM: outputs right from the moment it is enabled, EN can be read, inputs can be counted.
// GPL-3.0-or-later
//
// Defects (peripherals/pwm.js): writing DIV starts a stopped slice, because the setter of
// Timer32.prescaler (utils/timer32.js) sets `enabled`: edges come before CSR.EN; the first period
// after CSR.EN is low (PWMChannel looks at the compare value only when the counter wraps); EN reads
// as 0 (`en` has a setter only), so setting one slice's bit by the atomic alias stops the others;
// `this.gpioDirection && 1 << index` in gpioOnInput ignores every input.
// Silicon: data sheet 4.5.2.1 (the output is counter < CC), 4.5.2.4 (divider), 4.5.2.5 (counting
// B), 4.5.3 (EN).

const DIV = 0x04;
const EN = 0xa0;
const SLICE = 0x14;
const CSR_EN = 1;
const CSR_PH_CORRECT = 2;
const FUNCTION_PWM = 4;

/** The settings of a pin's slice as the world sees them. */
class PwmSettings {
  constructor(mcu) {
    this.mcu = mcu;
    this.onChange = null; // (gpio, setting)
    this.last = new Map();
  }

  /** @returns {{freqHz: number, dutyU16: number, enabled: boolean}} */
  setting(gpio) {
    const { mcu } = this;
    const slice = mcu.pwm.channels[(gpio >> 1) & 7];
    const enabled = (slice.csr & CSR_EN) !== 0
      && mcu.gpio[gpio].functionSelect === FUNCTION_PWM;
    const period = slice.timer.top + 1;
    const ticks = slice.csr & CSR_PH_CORRECT ? 2 * slice.timer.top : period;
    const compare = (gpio & 1 ? slice.alarmB : slice.alarmA).target;
    return {
      freqHz: enabled ? mcu.clkSys / slice.timer.prescaler / ticks : 0,
      dutyU16: enabled ? Math.min(65535, Math.round((compare / period) * 65536)) : 0,
      enabled,
    };
  }

  check(gpio) {
    if (this.onChange === null || gpio >= this.mcu.gpio.length) {
      return;
    }
    const setting = this.setting(gpio);
    const last = this.last.get(gpio);
    if (last?.freqHz !== setting.freqHz || last?.dutyU16 !== setting.dutyU16
        || last?.enabled !== setting.enabled) {
      this.last.set(gpio, setting);
      if (last !== undefined || setting.enabled) {
        this.onChange(gpio, setting);
      }
    }
  }

  checkSlice(index) {
    for (const gpio of [2 * index, 2 * index + 1, 2 * index + 16, 2 * index + 17]) {
      this.check(gpio);
    }
  }
}

/**
 * @param {RP2040} mcu
 * @returns {PwmSettings}
 */
export function fixPwm(mcu) {
  const { pwm } = mcu;
  const settings = new PwmSettings(mcu);
  const write = pwm.writeUint32.bind(pwm);
  const read = pwm.readUint32.bind(pwm);

  pwm.readUint32 = (offset) => (offset === EN ? enabledSlices(pwm) : read(offset));
  pwm.writeUint32 = (offset, value) => {
    const index = Math.floor(offset / SLICE);
    if (offset < EN && offset % SLICE === DIV) {
      setDivider(pwm.channels[index], offset, value, write);
    } else {
      const were = enabledSlices(pwm);
      write(offset, value);
      compareStarted(pwm, enabledSlices(pwm) & ~were);
    }
    const slices = offset < EN ? [index] : offset === EN ? pwm.channels.keys() : [];
    for (const slice of slices) {
      settings.checkSlice(slice);
    }
  };
  pwm.channels.forEach((channel, index) => {
    const update = channel.updateDoubleBuffered.bind(channel);
    channel.updateDoubleBuffered = () => {
      const changed = channel.ccUpdated || channel.topUpdated;
      update();
      if (changed) {
        settings.checkSlice(index);
      }
    };
  });
  pwm.gpioOnInput = (gpio) => {
    if (pwm.gpioDirection & (1 << gpio)) {
      return;
    }
    for (const channel of pwm.channels) {
      if (channel.pinB1 === gpio || channel.pinB2 === gpio) {
        channel.gpioBChanged();
      }
    }
  };
  for (const pin of mcu.gpio) {
    pin.addListener(() => settings.check(pin.index));
  }
  return settings;
}

/** Slices that begin to count show counter < CC at once. */
function compareStarted(pwm, started) {
  pwm.channels.forEach((channel, index) => {
    if (started & (1 << index)) {
      channel.setA(channel.timer.counter < channel.alarmA.target);
      channel.setB(channel.timer.counter < channel.alarmB.target);
    }
  });
}

/** The divider changes; whether the slice runs does not. */
function setDivider(channel, offset, value, write) {
  const { timer } = channel;
  const running = timer.enable;
  write(offset, value);
  timer.enable = running;
}

function enabledSlices(pwm) {
  return pwm.channels.reduce((bits, channel, i) => bits | ((channel.csr & CSR_EN) << i), 0);
}
