// islet: the host at the USB console sends only when it has something to send.
// GPL-3.0-or-later
//
// Defect: USBCDC (usb/cdc.js) answers each armed OUT endpoint with a packet at once, of zero
// length when it has nothing: the device re-arms, is answered, and is interrupted without end.
// The CPU never sleeps and any loop is slowed (33.4 ms instead of 12.8). And what is typed beyond
// 512 bytes is dropped.
// Silicon: USB 2.0, 8.4.5 and 8.5.1: a host that has no data sends no OUT token, and the endpoint
// stays armed; data sheet 4.1.2.5.

const PACKET = 64;
const TRANSFER_MICROS = 20; // a full-speed bulk packet with its handshake lasts about 50; buffered

/** The host's end of the console. */
export class ConsoleHost {
  constructor(mcu, cdc) {
    this.usb = mcu.usbCtrl;
    this.cdc = cdc;
    this.waiting = []; // chunks of bytes that the device has not taken yet
    this.armedBytes = 0;
    const answer = this.usb.onEndpointRead;
    this.usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== cdc.outEndpoint) {
        answer(endpoint, size);
        return;
      }
      this.armedBytes = size;
      this.pump();
    };
  }

  /** Queue bytes for the device, any number of them. */
  type(bytes) {
    if (bytes.length) {
      this.waiting.push(Uint8Array.from(bytes));
      this.pump();
    }
  }

  pump() {
    if (!this.armedBytes || !this.waiting.length) {
      return;
    }
    const chunk = this.waiting[0];
    const count = Math.min(this.armedBytes, PACKET, chunk.length);
    if (count === chunk.length) {
      this.waiting.shift();
    } else {
      this.waiting[0] = chunk.subarray(count);
    }
    this.armedBytes = 0;
    this.usb.endpointReadDone(this.cdc.outEndpoint, chunk.subarray(0, count), TRANSFER_MICROS);
  }
}

/**
 * @param {RP2040} mcu
 * @param {USBCDC} cdc the package's CDC host, already on mcu.usbCtrl
 * @returns {ConsoleHost}
 */
export function fixUsb(mcu, cdc) {
  return new ConsoleHost(mcu, cdc);
}
