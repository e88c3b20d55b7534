// islet: the W5500 on the emulated circuit board, its cable, and what is at the other end.
// GPL-3.0-or-later

import { W5500 } from '../devices/w5500.mjs';
import { Forbidden } from '../devices/w5500_registers.mjs';
import { Agenda } from './agenda.mjs';
import { Lan } from './lan.mjs';
import { Loopback } from './loopback.mjs';
import { TwinEnds } from './twin_ends.mjs';

const [SPO, SPH] = [0x40, 0x80]; // of the SPI's SSPCR0

/** What we connect to is the twin's; who connects to us is a real socket, or the twin. */
class Ends {
  constructor(twin, loopback) {
    this.twin = twin;
    this.loopback = loopback;
  }

  plug(chip) {
    this.twin.plug(chip);
    this.loopback?.plug(chip);
  }

  open(socket, to, port) {
    const real = this.loopback?.reach[`${to}:${port}`];
    return (real ? this.loopback : this.twin).open(socket, to, port);
  }
}

export class Ethernet {
  /**
   * @param {object} board the circuit board's JSON
   * @param {object|null} network null: no cable. `hosts` name -> address, `unix_ms` at the start,
   *   `listen`, `otherwise` and `reach` as loopback.mjs has them
   * @param {Pico} pico
   * @param {(item: object) => void} say an item for the link
   */
  constructor(board, network, pico, say) {
    const { cs, int, reset } = board.ethernet;
    this.pico = pico;
    this.spi = board.spi.id;
    this.agenda = new Agenda();
    const real = network?.listen || network?.reach;
    this.loopback = real ? new Loopback(network) : null;
    this.twin = new TwinEnds(say);
    const time = {
      now: () => pico.nanos,
      after: (nanos, act) => {
        this.agenda.add(pico.nanos + nanos, act);
        pico.stop(); // so that it is looked at when it is due
      },
    };
    const lan = new Lan(time, {
      hosts: network?.hosts ?? {},
      ends: new Ends(this.twin, this.loopback),
      unixMs: () => (network?.unix_ms ?? 0) + pico.nanos / 1e6,
    });
    this.chip = new W5500(lan, time);
    this.chip.onInterrupt = (level) => pico.setPin(int, level);
    pico.setPin(int, 1);
    if (!network) {
      this.chip.plug(false);
    }
    pico.onPin(cs, (level, nanos) => this.select(level ?? 1, nanos));
    pico.onPin(reset, (level, nanos) => this.chip.resetPin(level ?? 1, nanos));
  }

  select(level, nanos) {
    if (level === 0) {
      const { control0, dataBits } = this.pico.mcu.spi[this.spi];
      if (dataBits !== 8 || ((control0 & SPO) !== 0) !== ((control0 & SPH) !== 0)) {
        throw new Forbidden('selected in another SPI mode than 0 and 3');
      }
    }
    this.chip.select(level, nanos);
  }

  transfer(frame, nanos) {
    return this.chip.transfer(frame & 0xff, nanos);
  }

  /** The processor begins anew; the chip beside it only without power. */
  reset(reason) {
    this.twin.reset();
    if (reason === 'power') {
      this.chip.brownOut();
    }
  }

  get dueNanos() {
    return this.agenda.dueNanos;
  }

  run(nanos) {
    this.loopback?.poll();
    this.agenda.run(nanos);
  }
}
