// islet: UARTs that take the time of their baud rate.
// GPL-3.0-or-later
//
// Defects (peripherals/uart.js): the transmit interrupt is raised again by each write to ICR, so
// `machine.UART(...)` never comes out of its handler (IPSR 37); bytes leave in no time; there is no
// transmit FIFO, no BUSY, no TXFF, no receive timeout, no level of the FIFOs, no overrun, and the
// DMA request of the transmitter is always there.
// Silicon: the PL011 of data sheet 4.2: FIFOs of 32, levels by IFLS, receive timeout after 32 bit
// times without a character, interrupts by level, not by state.
//
// Not modelled: break, loopback, modem lines, the bits on the pins (uartFeed and onUartByte carry
// whole characters).

const DR = 0x00;
const RSR = 0x04;
const ILPR = 0x20;
const IFLS = 0x34;
const ICR = 0x44;
const DMACR = 0x48;
const FR_BUSY = 1 << 3;
const FR_RXFE = 1 << 4;
const FR_TXFF = 1 << 5;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RX_TIMEOUT = 1 << 6;
const LCR_PARITY = 2;
const LCR_TWO_STOPS = 8;
const CR_ENABLED_RX = (1 << 9) | 1;
const LEVELS = [4, 8, 16, 24, 28];
const FIFO_DEPTH = 32;
const TIMEOUT_BITS = 32;
const RX_DMA = 1;
const TX_DMA = 2;

/** Gives one stock RPUART time, FIFOs and honest interrupts. */
class PacedUart {
  constructor(mcu, uart) {
    this.mcu = mcu;
    this.uart = uart;
    this.sending = []; // the transmit FIFO
    this.shifting = null; // the byte in the shift register
    this.levels = 0x12; // IFLS
    this.dmaControl = 0;
    this.overruns = 0;
    this.onByte = null; // (byte) when its stop bit has ended
    this.onStart = null; // (byte) when its start bit begins
    this.sendAlarm = mcu.clock.createAlarm(() => this.sent());
    this.timeoutAlarm = mcu.clock.createAlarm(() => this.timedOut());
    this.takeOver();
  }

  takeOver() {
    const { uart } = this;
    const read = uart.readUint32.bind(uart);
    const write = uart.writeUint32.bind(uart);
    Object.defineProperty(uart, 'flags', { get: () => this.flags });
    uart.checkInterrupts = () => this.interrupt();
    uart.feedByte = (byte) => this.receive(byte);
    uart.readUint32 = (offset) => {
      switch (offset) {
        case DR: return this.take();
        case RSR: return 0;
        case IFLS: return this.levels;
        case DMACR: return this.dmaControl;
        default: return read(offset);
      }
    };
    uart.writeUint32 = (offset, value) => {
      switch (offset) {
        case DR: this.send(value & 0xff); return;
        case RSR: case ILPR: return;
        case IFLS: this.levels = value; return;
        case DMACR: this.dmaControl = value; this.requests(); return;
        default:
      }
      write(offset, value);
      if (offset === ICR && !uart.rxFIFO.empty) {
        this.timeoutAlarm.schedule(TIMEOUT_BITS * this.bitNanos);
      }
      this.requests();
    };
  }

  get bitNanos() {
    return (1e9 * this.uart.baudDivider * 16) / this.mcu.clkPeri;
  }

  /** How long a character is on the wire. */
  get charNanos() {
    const line = this.uart.lineCtrlRegister;
    const parity = line & LCR_PARITY ? 1 : 0;
    const stops = line & LCR_TWO_STOPS ? 2 : 1;
    return this.bitNanos * (1 + this.uart.wordLength + parity + stops);
  }

  get depth() {
    return this.uart.fifosEnabled ? FIFO_DEPTH : 1;
  }

  get sendLevel() {
    return this.uart.fifosEnabled ? LEVELS[this.levels & 7] : 0;
  }

  get receiveLevel() {
    return this.uart.fifosEnabled ? LEVELS[(this.levels >> 3) & 7] : 1;
  }

  get flags() {
    const { rxFIFO } = this.uart;
    const waiting = this.sending.length;
    return (this.shifting !== null || waiting ? FR_BUSY : 0)
      | (rxFIFO.itemCount ? 0 : FR_RXFE)
      | (waiting >= this.depth ? FR_TXFF : 0)
      | (rxFIFO.itemCount >= this.depth ? FR_RXFF : 0)
      | (waiting ? 0 : FR_TXFE);
  }

  interrupt() {
    const { uart } = this;
    this.mcu.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
  }

  requests() {
    const { dma } = this.mcu;
    const { dreq, rxFIFO } = this.uart;
    const transmit = (this.dmaControl & TX_DMA) && this.sending.length < this.depth;
    const receive = (this.dmaControl & RX_DMA) && !rxFIFO.empty;
    transmit ? dma.setDREQ(dreq.tx) : dma.clearDREQ(dreq.tx);
    receive ? dma.setDREQ(dreq.rx) : dma.clearDREQ(dreq.rx);
  }

  send(byte) {
    if (this.sending.length >= this.depth) {
      return; // lost, as on silicon
    }
    if (this.shifting === null) {
      this.shift(byte);
    } else {
      this.sending.push(byte);
      if (this.sending.length > this.sendLevel) {
        this.uart.interruptStatus &= ~INT_TX;
        this.interrupt();
      }
    }
    this.requests();
  }

  shift(byte) {
    this.shifting = byte;
    this.onStart?.(byte);
    this.sendAlarm.schedule(this.charNanos);
  }

  /** A character has left the shift register; the next follows without a gap. */
  sent() {
    const byte = this.shifting;
    this.shifting = null;
    this.onByte?.(byte);
    const before = this.sending.length;
    if (before) {
      this.shift(this.sending.shift());
    }
    const after = this.sending.length;
    const fell = before > this.sendLevel && after <= this.sendLevel;
    if (fell || (!this.uart.fifosEnabled && after === 0)) {
      this.uart.interruptStatus |= INT_TX;
    }
    this.interrupt();
    this.requests();
  }

  /** A character has come in: its stop bit ends now. */
  receive(byte) {
    const { uart } = this;
    if ((uart.ctrlRegister & CR_ENABLED_RX) !== CR_ENABLED_RX) {
      return;
    }
    if (uart.rxFIFO.itemCount >= this.depth) {
      this.overruns++;
      return;
    }
    uart.rxFIFO.push(byte);
    if (uart.rxFIFO.itemCount >= this.receiveLevel) {
      uart.interruptStatus |= INT_RX;
    }
    this.timeoutAlarm.schedule(TIMEOUT_BITS * this.bitNanos);
    this.interrupt();
    this.requests();
  }

  timedOut() {
    if (!this.uart.rxFIFO.empty) {
      this.uart.interruptStatus |= INT_RX_TIMEOUT;
      this.interrupt();
    }
  }

  take() {
    const { uart } = this;
    const value = uart.rxFIFO.pull();
    if (uart.rxFIFO.itemCount < this.receiveLevel) {
      uart.interruptStatus &= ~INT_RX;
    }
    if (uart.rxFIFO.empty) {
      uart.interruptStatus &= ~INT_RX_TIMEOUT;
      this.timeoutAlarm.cancel();
    }
    this.interrupt();
    this.requests();
    return value;
  }
}

/**
 * @param {RP2040} mcu
 * @returns {PacedUart[]} both UARTs: onByte, onStart, receive(byte), bitNanos, charNanos, overruns
 */
export function fixUart(mcu) {
  return mcu.uart.map((uart) => new PacedUart(mcu, uart));
}
