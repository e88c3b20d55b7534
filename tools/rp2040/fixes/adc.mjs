// islet: the converter's round robin, its FIFO's flags, and where its samples come from.
// GPL-3.0-or-later
//
// Defects (peripherals/adc.js): the setter of activeChannel masks with the SHIFT instead of the
// MASK (`channel & CS_AINSEL_SHIFT`), so a round robin stays on channel 0; the search for the next
// channel starts at 5 after channel 4 and never tries channel 0; reading the FIFO does not take its
// interrupt back; setting other bits of FCS by the atomic alias clears OVER and UNDER. Samples come
// from constants.
// Silicon: data sheet 4.9.2.2 (round robin, DIV), 4.9.2.3 (96 cycles of 48 MHz), 4.9.2.5 (FIFO).

const CS = 0x00;
const FCS = 0x08;
const FIFO = 0x0c;
const CS_ERR = 1 << 9;
const CS_ERR_STICKY = 1 << 10;
const CS_START_MANY = 1 << 3;
const CS_EN = 1;
const RROBIN_SHIFT = 16;
const RROBIN_MASK = 0x1f;
const AINSEL_SHIFT = 12;
const AINSEL_MASK = 7;
const FCS_EN = 1;
const FCS_SHIFT = 1 << 1;
const FCS_UNDER = 1 << 10;
const FCS_OVER = 1 << 11;
const CHANNELS = 5;
const CONVERSION_NANOS = 2000; // 96 cycles of clk_adc
const ADC_TICK_NANOS = 1000 / 48;

/**
 * @param {RP2040} mcu
 * @param {(channel: number) => number} sample the code, 0…4095, of a conversion that begins now
 */
export function fixAdc(mcu, sample) {
  const { adc } = mcu;
  let converted = 0;

  Object.defineProperty(adc, 'activeChannel', {
    get: () => (adc.cs >>> AINSEL_SHIFT) & AINSEL_MASK,
    set: (channel) => {
      adc.cs = (adc.cs & ~(AINSEL_MASK << AINSEL_SHIFT)) | (channel << AINSEL_SHIFT);
    },
  });

  const nextInTurn = () => {
    const turns = (adc.cs >>> RROBIN_SHIFT) & RROBIN_MASK;
    let channel = adc.activeChannel;
    if (turns) {
      do {
        channel = (channel + 1) % CHANNELS;
      } while (!(turns & (1 << channel)));
    }
    return channel;
  };

  adc.onADCRead = (channel) => {
    converted = sample(channel);
    adc.sampleAlarm.schedule(CONVERSION_NANOS);
  };

  adc.completeADCRead = (value = converted, error = false) => {
    adc.busy = false;
    adc.result = value;
    adc.cs = error ? adc.cs | CS_ERR | CS_ERR_STICKY : adc.cs & ~CS_ERR;
    if (adc.fcs & FCS_EN) {
      if (adc.fifo.full) {
        adc.fcs |= FCS_OVER;
      } else {
        adc.fifo.push(adc.fcs & FCS_SHIFT ? value >> 4 : value);
        adc.updateDMA();
        adc.checkInterrupts();
      }
    }
    adc.activeChannel = nextInTurn();
    if ((adc.cs & CS_START_MANY) && (adc.cs & CS_EN)) {
      const pause = adc.divider * ADC_TICK_NANOS - CONVERSION_NANOS;
      if (pause > 0) {
        adc.multiShotAlarm.schedule(pause);
      } else {
        adc.startADCRead();
      }
    }
  };
  adc.sampleAlarm.callback = () => adc.completeADCRead();

  const read = adc.readUint32.bind(adc);
  adc.readUint32 = (offset) => {
    const value = read(offset);
    if (offset === FIFO) {
      adc.checkInterrupts();
    }
    return value;
  };

  const write = adc.writeUint32.bind(adc);
  adc.writeUint32 = (offset, value) => {
    if (offset === FCS) {
      const raw = adc.rawWriteValue & (FCS_OVER | FCS_UNDER);
      write(offset, (value & ~(FCS_OVER | FCS_UNDER)) | raw);
      return;
    }
    if (offset === CS && !(value & CS_EN)) {
      adc.multiShotAlarm.cancel();
    }
    write(offset, value);
  };
}
