// islet: instructions that the processor puts into a PIO state machine.
// GPL-3.0-or-later
//
// Defects (peripherals/pio.js, writing SMx_INSTR): pins that such an instruction sets do not reach
// the pads until the machine runs (initial levels never do if it does not); one that stalls moves
// the program counter on when it ends; one that is written to a stalled machine leaves it stalled.
// Silicon: data sheet 3.5.7: it takes the place of whatever the machine would do next, and the
// program counter stays unless it is a jump.

const SM0_CLKDIV = 0x0c8;
const SM3_PINCTRL = 0x124;
const SM_SIZE = 0x18;
const SM_INSTR = 0x10;

/** @param {RP2040} mcu */
export function fixPioExec(mcu) {
  for (const pio of mcu.pio) {
    const forced = pio.machines.map(() => false);
    pio.machines.forEach((machine, index) => {
      const next = machine.nextPC.bind(machine);
      machine.nextPC = () => {
        if (forced[index]) {
          forced[index] = false;
        } else {
          next();
        }
      };
    });
    const write = pio.writeUint32.bind(pio);
    pio.writeUint32 = (offset, value) => {
      if (offset < SM0_CLKDIV || offset > SM3_PINCTRL
          || (offset - SM0_CLKDIV) % SM_SIZE !== SM_INSTR) {
        write(offset, value);
        return;
      }
      const index = Math.floor((offset - SM0_CLKDIV) / SM_SIZE);
      const machine = pio.machines[index];
      machine.waiting = false;
      write(offset, value);
      forced[index] = machine.waiting;
      pio.checkChangedPins();
    };
  }
}
