// islet: PIO FIFOs that join to eight entries, and pulls and pushes on a threshold.
// GPL-3.0-or-later
//
// Defects (peripherals/pio.js): SHIFTCTRL.FJOIN_TX and FJOIN_RX do nothing, FIFOs are always four
// deep; `pull ifempty` and `push iffull` look at the threshold only with autopull or autopush.
// Silicon: data sheet 3.5.4 (joining), 3.4.6 and 3.4.7 (IfFull, IfEmpty), 3.7 (SHIFTCTRL: a change
// of a join bit empties both FIFOs).

import { FIFO } from '../rp2040js.mjs';

const SM0_CLKDIV = 0x0c8;
const SM_SIZE = 0x18;
const SM_SHIFTCTRL = 0x08;
const FJOIN_TX = 1 << 30;
const FJOIN_RX = 1 << 31;
const FJOIN = FJOIN_TX | FJOIN_RX;
const DEPTH = 4;
const PUSH_OR_PULL = 0b100;
const IF_FULL_OR_EMPTY = 1 << 6;
const PULL = 1 << 7;

function join(machine, shiftCtrl) {
  const tx = (shiftCtrl & FJOIN_TX) !== 0;
  const rx = (shiftCtrl & FJOIN_RX) !== 0;
  machine.txFIFO = new FIFO(tx ? 2 * DEPTH : rx ? 0 : DEPTH);
  machine.rxFIFO = new FIFO(rx ? 2 * DEPTH : tx ? 0 : DEPTH);
  machine.updateDMATx();
  machine.updateDMARx();
}

function notYet(machine, opcode) {
  if (opcode >>> 13 !== PUSH_OR_PULL || !(opcode & IF_FULL_OR_EMPTY) || opcode & 0x1f) {
    return false;
  }
  return opcode & PULL
    ? machine.outputShiftCount < machine.pullThreshold
    : machine.inputShiftCount < machine.pushThreshold;
}

/** @param {RP2040} mcu */
export function fixPioFifo(mcu) {
  for (const pio of mcu.pio) {
    const write = pio.writeUint32.bind(pio);
    pio.writeUint32 = (offset, value) => {
      const index = Math.floor((offset - SM0_CLKDIV) / SM_SIZE);
      const machine = pio.machines[index];
      const before = machine?.shiftCtrl;
      write(offset, value);
      if (machine && (offset - SM0_CLKDIV) % SM_SIZE === SM_SHIFTCTRL
          && (before ^ value) & FJOIN) {
        join(machine, value);
      }
    };
    for (const machine of pio.machines) {
      const execute = machine.executeInstruction.bind(machine);
      // A push or pull that is not due yet is a nop with its delay and side-set: `mov y, y`.
      machine.executeInstruction = (opcode) => {
        execute(notYet(machine, opcode) ? (opcode & 0x1f00) | 0xa042 : opcode);
      };
    }
  }
}
