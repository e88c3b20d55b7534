// islet: a Modbus meter that always answers: input registers as floats, and they flicker.
// GPL-3.0-or-later

const READ_INPUT = 4;
const VOLTAGES = 6; // registers 0…5: three voltages, then three currents, then three powers
const CURRENTS = 12;
const POWERS = 18;
const FREQUENCY = 70;

/** CRC-16 of Modbus over serial line, section 6.2.2. */
export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
    }
  }
  return crc;
}

/** An Eastron SDM630 as far as islet reads one, at address 1. */
export class Meter {
  constructor(address = 1) {
    this.address = address;
    this.answers = 0;
  }

  value(register) {
    const flicker = (this.answers % 7) * 0.01;
    if (register < VOLTAGES) {
      return 230 + flicker;
    }
    if (register < CURRENTS) {
      return 8 + flicker;
    }
    if (register < POWERS) {
      return 1840 + flicker;
    }
    return register === FREQUENCY ? 50 : 0;
  }

  /** The reply to a request, null when it is not for this meter. */
  answer(request) {
    const { length } = request;
    if (length !== 8 || request[0] !== this.address || request[1] !== READ_INPUT) {
      return null;
    }
    if (crc16(request.subarray(0, 6)) !== (request[6] | (request[7] << 8))) {
      return null;
    }
    this.answers += 1;
    const first = (request[2] << 8) | request[3];
    const count = (request[4] << 8) | request[5];
    const reply = Buffer.alloc(5 + 2 * count);
    reply.set([this.address, READ_INPUT, 2 * count]);
    for (let i = 0; i + 1 < count; i += 2) {
      reply.writeFloatBE(this.value(first + i), 3 + 2 * i);
    }
    reply.writeUInt16LE(crc16(reply.subarray(0, -2)), 3 + 2 * count);
    return reply;
  }
}
