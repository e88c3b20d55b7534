// islet: DMA transfers take bus cycles, pacing timers count the right way round.
// GPL-3.0-or-later
//
// Defects (peripherals/dma.js): a pacing timer of X/Y runs with a period of X/Y cycles and not Y/X
// (getTimer), TIMER3 is read with `>>> 36`; an unpaced transfer moves any number of words in no
// time; reading CHAN_ABORT gives 0xffffffff, so waiting for the end of an abort never ends;
// the request of a PWM wrap stays up after its transfer.
// Silicon: data sheet 2.5.1 (a word per cycle at best), 2.5.3.2 (DREQ is a credit for each event),
// 2.5.5.2 (aborting), 2.5.7 (TIMER0…3: (X/Y) * clk_sys, X <= Y).
//
// Not modelled: bus contention, priorities, the sniffer.

const CHAN_ABORT = 0x444;
const FIRST_TIMER = 59;
const PERMANENT = 63;
const FIRST_PWM_WRAP = 24;
const LAST_PWM_WRAP = 31;

/** @param {RP2040} mcu */
export function fixDma(mcu) {
  const { dma } = mcu;
  const read = dma.readUint32.bind(dma);
  dma.readUint32 = (offset) => (offset === CHAN_ABORT ? 0 : read(offset));

  /** Microseconds between transfers of a pacing timer; 0 when it stands still. */
  dma.getTimer = (request) => {
    if (request === PERMANENT) {
      return 1e6 / mcu.clkSys;
    }
    if (request < FIRST_TIMER) {
      return 0;
    }
    const timer = dma[`timer${request - FIRST_TIMER}`];
    const x = timer >>> 16;
    const y = timer & 0xffff;
    return x && y ? ((y / x) * 1e6) / mcu.clkSys : 0;
  };

  for (const channel of dma.channels) {
    const cycleNanos = () => 1e9 / mcu.clkSys;
    channel.scheduleTransfer = () => {
      const request = channel.treqValue;
      if (dma.dreq[request]) {
        channel.transferAlarm.schedule(cycleNanos());
        return;
      }
      const micros = dma.getTimer(request);
      if (micros) {
        channel.transferAlarm.schedule(micros * 1000);
      }
    };
    const transfer = channel.transferAlarm.callback;
    channel.transferAlarm.callback = () => {
      const request = channel.treqValue;
      if (request >= FIRST_PWM_WRAP && request <= LAST_PWM_WRAP) {
        dma.dreq[request] = false;
      }
      transfer();
    };
  }
}
