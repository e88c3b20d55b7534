// islet: who interrupts whom, and what it costs.
// GPL-3.0-or-later
//
// Defects (cortex-m0-core.js): an interrupt that ends WFI while PRIMASK is set runs its handler all
// the same; entering and leaving a handler costs no time; setInterrupt() enters handlers from
// inside a peripheral's callback.
// Silicon: ARMv6-M manual B1.5.4 (priorities), B1.5.18 (WFI with PRIMASK only wakes), Cortex-M0+
// manual 2.4 and 3.6 (15 cycles from an interrupt to its handler's first instruction without wait
// states). The return is not published; ten cycles are the eight words and the refill.

const ENTRY_CYCLES = 15;
const RETURN_CYCLES = 10;
const PRIORITIES = 4;
const LAST_HARDWARE_IRQ = 25;
const NMI = 2;
const SVCALL = 11;
const PENDSV = 14;
const SYSTICK = 15;

/** Takes interrupts for a FastCore, between its stretches. */
export class Exceptions {
  constructor(fast) {
    this.fast = fast;
    this.core = fast.core;
    this.core.setInterrupt = (irq, asserted) => this.setInterrupt(irq, asserted);
    this.core.checkForInterrupts = () => this.take();
    fast.returnFrom = (target) => this.returnFrom(target);
  }

  setInterrupt(irq, asserted) {
    const bit = 1 << irq;
    const { core } = this;
    if (!asserted) {
      core.pendingInterrupts &= ~bit;
    } else if (!(core.pendingInterrupts & bit)) {
      core.pendingInterrupts |= bit;
      core.interruptsUpdated = true;
    }
  }

  /** The most urgent pending exception that may interrupt `priority`, or 0. */
  candidate(priority) {
    const { core } = this;
    if (core.pendingNMI) {
      return NMI;
    }
    const enabled = core.pendingInterrupts & core.enabledInterrupts;
    const any = core.pendingSVCall || core.pendingPendSV || core.pendingSystick;
    if (!enabled && !any) {
      return 0;
    }
    for (let level = 0; level < Math.min(priority, PRIORITIES); level++) {
      if (core.pendingSVCall && level === core.svCallPriority) {
        return SVCALL;
      }
      if (core.pendingPendSV && level === core.pendSVPriority) {
        return PENDSV;
      }
      if (core.pendingSystick && level === core.systickPriority) {
        return SYSTICK;
      }
      const here = enabled & core.interruptPriorities[level];
      if (here) {
        return 16 + (31 - Math.clz32(here & -here));
      }
    }
    return 0;
  }

  /** Enter the handler that is due, if any; returns whether one was. */
  take() {
    const { core } = this;
    core.interruptsUpdated = false;
    const number = this.candidate(core.exceptionPriority(core.IPSR));
    if (!number) {
      return false;
    }
    core.waiting = false;
    if (core.PM && number !== NMI) {
      return false; // awake, but the handler has to wait for CPSIE
    }
    this.acknowledge(number);
    core.interruptsUpdated = true; // another one may be more urgent than this handler
    core.exceptionEntry(number);
    core.PC &= ~1;
    this.fast.cycles += ENTRY_CYCLES;
    return true;
  }

  acknowledge(number) {
    const { core } = this;
    switch (number) {
      case NMI: core.pendingNMI = false; break;
      case SVCALL: core.pendingSVCall = false; break;
      case PENDSV: core.pendingPendSV = false; break;
      case SYSTICK: core.pendingSystick = false; break;
      default:
        if (number - 16 > LAST_HARDWARE_IRQ) {
          core.pendingInterrupts &= ~(1 << (number - 16)); // these have no line that stays up
        }
    }
  }

  /** BX or POP to an EXC_RETURN value. */
  returnFrom(target) {
    const { core, fast } = this;
    core.BXWritePC(target >>> 0);
    fast.cycles += RETURN_CYCLES;
  }
}
