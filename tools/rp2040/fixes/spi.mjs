// islet: SPI frames last as long as their bits.
// GPL-3.0-or-later
//
// Defect (peripherals/spi.js): a frame is exchanged in no time, inside the write to SSPDR, and
// answered with 0; a loop over a device costs nothing but the CPU's instructions.
// Silicon: the PL022 of data sheet 4.4: a frame takes its bits at clk_peri / (CPSDVSR (1 + SCR)),
// frames of a full FIFO follow each other without a gap. The driver's chip select is a plain pin.
//
// Not modelled: the receive timeout interrupt, the bits on the pins.

/** One SPI block: set `onTransmit` to be the device. */
class PacedSpi {
  constructor(mcu, spi) {
    this.spi = spi;
    /** @type {(frame: number) => number} what the device answers, at the end of a frame */
    this.onTransmit = () => 0;
    this.frame = 0;
    this.alarm = mcu.clock.createAlarm(() => {
      const { dataBits } = spi;
      spi.completeTransmit(this.onTransmit(this.frame) & ((1 << dataBits) - 1));
    });
    spi.onTransmit = (frame) => {
      this.frame = frame;
      this.alarm.schedule(this.frameNanos);
    };
  }

  get baudHz() {
    return this.spi.clockFrequency;
  }

  get frameNanos() {
    return (1e9 * this.spi.dataBits) / (this.baudHz || 1e6);
  }
}

/**
 * @param {RP2040} mcu
 * @returns {PacedSpi[]} both SPI blocks
 */
export function fixSpi(mcu) {
  return mcu.spi.map((spi) => new PacedSpi(mcu, spi));
}
