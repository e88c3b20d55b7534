// islet: PIO state machines run on the chip's clock.
// GPL-3.0-or-later
//
// Defect (peripherals/pio.js): RPPIO.run() steps all machines 1000 times in a burst out of
// setTimeout, without regard to divider, delays or emulated time (1002 edges where 67 were due), so
// results depend on the host and a program that waits for a machine hangs.
// Silicon: data sheet 3.5.5: each machine executes one instruction per tick of its own divided
// clock, plus its delay; a stalled one tries again at each tick.
//
// Here each machine has an alarm. A stalled machine sets none: what could free it (a FIFO, a pin,
// an IRQ flag) makes it try again at its next tick. `jmp x--` and `jmp y--` to themselves, the
// usual delay loop, are one alarm and not one for each turn.

const CTRL = 0x000;
const SM0_CLKDIV = 0x0c8;
const SM3_PINCTRL = 0x124;
const SM_SIZE = 0x18;
const JMP_X_DEC = 0x0040;
const JMP_Y_DEC = 0x0080;

/** One state machine on the clock. */
class Ticker {
  constructor(mcu, pio, machine) {
    this.mcu = mcu;
    this.pio = pio;
    this.machine = machine;
    this.stalledAt = -1; // the tick at which it stalled, -1 when it does not
    this.loop = null; // a delay loop that is being skipped: {register, turns, start, nanos}
    this.alarm = mcu.clock.createAlarm(() => this.tick());
    this.tryAgain = machine.checkWait.bind(machine);
    machine.checkWait = () => (this.stalledAt < 0 ? this.tryAgain() : this.retry());
    machine.clkDivRestart = () => {};
  }

  get tickNanos() {
    const { clockDivInt, clockDivFrac } = this.machine;
    return (((clockDivInt || 65536) + clockDivFrac / 256) * 1e9) / this.mcu.clkSys;
  }

  start() {
    this.stalledAt = -1;
    this.alarm.schedule(0);
  }

  stop() {
    this.settle();
    this.stalledAt = -1;
    this.alarm.cancel();
  }

  /** What a stalled machine waits for may be there: try at its next tick. */
  retry() {
    if (this.alarm.scheduled) {
      return;
    }
    const nanos = this.tickNanos;
    const ticks = Math.ceil((this.mcu.clock.nanos - this.stalledAt) / nanos - 1e-9);
    this.alarm.scheduleAt(this.stalledAt + Math.max(0, ticks) * nanos);
  }

  /** An instruction put in from outside has freed a stalled machine. */
  resume() {
    if (this.stalledAt >= 0 && !this.machine.waiting && this.machine.enabled) {
      this.retry();
      this.stalledAt = -1;
    }
  }

  tick() {
    const { machine } = this;
    const before = machine.cycles;
    let ticks;
    if (this.stalledAt >= 0) {
      this.tryAgain();
      ticks = machine.waiting ? 0 : 1 + machine.cycles - before;
    } else {
      this.loop = null;
      if (this.skip()) {
        return;
      }
      machine.step();
      ticks = machine.cycles - before;
    }
    const now = this.mcu.clock.nanos;
    this.stalledAt = machine.waiting ? now : -1;
    if (!machine.waiting) {
      this.alarm.scheduleAt(now + Math.max(1, ticks) * this.tickNanos);
    }
    this.pio.checkChangedPins();
  }

  /** A delay loop goes on to its last turn at once. */
  skip() {
    const { machine, pio } = this;
    const opcode = pio.instructions[machine.pc];
    const kind = opcode & 0xe0e0;
    if ((kind !== JMP_X_DEC && kind !== JMP_Y_DEC) || (opcode & 0x1f) !== machine.pc
        || machine.waiting || machine.execValid) {
      return false;
    }
    const register = kind === JMP_X_DEC ? 'x' : 'y';
    const turns = machine[register] >>> 0;
    if (turns < 2) {
      return false;
    }
    machine.step(); // the first turn, for its side-set
    const delay = (opcode >> 8) & ((1 << (5 - machine.sidesetCount)) - 1);
    const nanos = (1 + delay) * this.tickNanos;
    const start = this.mcu.clock.nanos;
    this.loop = { register, turns, start, nanos };
    machine[register] = 0;
    this.alarm.scheduleAt(start + turns * nanos);
    pio.checkChangedPins();
    return true;
  }

  /** Somebody looks in the middle of a skipped loop: put the register where it would be. */
  settle() {
    if (this.loop === null) {
      return;
    }
    const { register, turns, start, nanos } = this.loop;
    const done = Math.min(turns, Math.floor((this.mcu.clock.nanos - start) / nanos + 1e-9) + 1);
    this.machine[register] = turns - done;
    this.loop = null;
    this.alarm.scheduleAt(start + done * nanos);
  }
}

/** @param {RP2040} mcu */
export function fixPio(mcu) {
  for (const pio of mcu.pio) {
    const tickers = pio.machines.map((machine) => new Ticker(mcu, pio, machine));
    const write = pio.writeUint32.bind(pio);
    pio.run = () => {};
    pio.writeUint32 = (offset, value) => {
      if (offset === CTRL) {
        control(pio, tickers, write, value);
        return;
      }
      if (offset < SM0_CLKDIV || offset > SM3_PINCTRL) {
        write(offset, value);
        return;
      }
      const ticker = tickers[Math.floor((offset - SM0_CLKDIV) / SM_SIZE)];
      ticker.settle();
      write(offset, value);
      ticker.resume();
    };
  }
}

function control(pio, tickers, write, value) {
  const were = pio.machines.map((machine) => machine.enabled);
  for (const ticker of tickers) {
    ticker.settle();
  }
  pio.stopped = true; // keeps the stock code from looking after running machines
  write(CTRL, value);
  pio.machines.forEach((machine, index) => {
    const restarted = (value & (1 << (4 + index))) !== 0;
    if (machine.enabled && (!were[index] || restarted)) {
      tickers[index].start();
    } else if (!machine.enabled && were[index]) {
      tickers[index].stop();
    }
  });
}

