// islet: the FIFO from the second core, which is not there but answers its reset.
// GPL-3.0-or-later
//
// Defect: RPSIO (sio.js) knows no FIFO_ST, FIFO_WR and FIFO_RD: reads give all ones with a warning
// on the host's console, so there is always a word, and it is 0xffffffff.
// Silicon: data sheet 2.3.1.4 (the FIFOs), 2.8.2 (core 1 sends 0 each time it comes out of reset,
// and MicroPython's soft reset waits for that word), 2.13 (PSM FRCE_OFF holds it in reset).
//
// Not modelled: core 1 runs nothing, so starting a thread on it waits for ever.

const FIFO_ST = 0x50;
const FIFO_WR = 0x54;
const FIFO_RD = 0x58;
const ST_VALID = 1;
const ST_READY = 2;
const FRCE_OFF = 0x04;
const PROC1 = 1 << 16;

/** Where the power-on state machine lies on the bus. */
export const PSM = 0x40010;

/** @param {RP2040} mcu */
export function fixCore1(mcu) {
  const { sio } = mcu;
  const psm = mcu.peripherals[PSM];
  const read = sio.readUint32.bind(sio);
  const write = sio.writeUint32.bind(sio);
  const writePsm = psm.writeUint32.bind(psm);
  let word = null; // what core 1 has sent
  let off = false;

  sio.readUint32 = (offset) => {
    if (offset === FIFO_ST) {
      return ST_READY | (word === null ? 0 : ST_VALID);
    }
    if (offset === FIFO_RD) {
      const taken = word ?? 0;
      word = null;
      return taken;
    }
    return read(offset);
  };
  sio.writeUint32 = (offset, value) => {
    if (offset !== FIFO_WR && offset !== FIFO_ST) {
      write(offset, value);
    }
  };
  psm.writeUint32 = (offset, value) => {
    writePsm(offset, value);
    if (offset === FRCE_OFF) {
      const was = off;
      off = (value & PROC1) !== 0;
      if (was && !off) {
        word = 0;
      }
    }
  };
}
