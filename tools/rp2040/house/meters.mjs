// islet: the metering chips on the circuit board's SPI bus, and the zero-crossing pin.
// GPL-3.0-or-later

import { Atm90e32 } from '../devices/atm90e32.mjs';
import { burdenVoltsPerAmp, sensorErrors } from './frontend.mjs';

const QUANTITY = { grid: 'grid_v', house: 'house_v', mains: 'main_ct', evse: 'evse_ct' };
const NOTHING_DRIVES = 0xff; // MISO is pulled up

/** Volts at the chip's input for each volt of the mains: a transformer, if any, and a divider. */
function dividerVoltsPerVolt({ transformer, top_ohm: top, bottom_ohm: bottom }) {
  const ratio = transformer ? transformer.secondary_mv / transformer.primary_mv : 1;
  return (ratio * bottom) / (top + bottom);
}

/** One metering chip with its front end, errors of the scenario's sensors included. */
function build(row, sensors, waves, { nominalHz, seed }) {
  const errors = (quantity) => [0, 1, 2].map((leg) => sensorErrors(sensors, quantity, leg));
  const volts = errors(QUANTITY[row.volts]);
  const amps = errors(QUANTITY[row.amps]);
  const lagUs = ({ leadRad }) => (-leadRad / (2 * Math.PI * nominalHz)) * 1e6;
  return new Atm90e32({
    voltsPerVolt: volts.map(({ gain }) => gain * dividerVoltsPerVolt(row.divider)),
    voltsPerAmp: amps.map(({ gain }) => gain * burdenVoltsPerAmp(row.ct)),
    voltageLagUs: volts.map(lagUs),
    currentLagUs: amps.map(lagUs),
    voltageHarmonics: waves.harmonics.voltage,
    currentHarmonics: waves.harmonics.current,
    seed,
  });
}

/** The board's metering chips, fed from the waves and wired to the chip's pins. */
export class Meters {
  /**
   * @param {object} board the circuit board's JSON
   * @param {object} sensors the scenario's house.sensors
   * @param {Waves} waves
   * @param {Pico} pico
   * @param {{nominalHz: number, seed: number}} options
   * @param {(text: string) => void} complain what the chips have to say against their treatment
   */
  constructor(board, sensors, waves, pico, options, complain) {
    this.waves = waves;
    this.pico = pico;
    this.complain = complain;
    this.crossing = board.crossing ?? null;
    this.rows = (board.meters ?? []).map((row, i) => ({
      chip: build(row, sensors, waves, { ...options, seed: options.seed * 16 + i + 1 }),
      volts: QUANTITY[row.volts],
      amps: QUANTITY[row.amps],
      said: new Set(),
    }));
    (board.meters ?? []).forEach(({ cs }, i) => {
      pico.onPin(cs, (level, nanos) => this.rows[i].chip.select(level ?? 1, nanos));
    });
  }

  /** A frame on the SPI, and what the metering chips answer together. */
  transfer(frame, nanos) {
    let answer = NOTHING_DRIVES;
    this.rows.forEach(({ chip, said }, i) => {
      const out = chip.transfer(frame & 0xff, nanos);
      answer &= out ?? NOTHING_DRIVES;
      for (const text of chip.violations.splice(0)) {
        const sort = text.replace(/\d+/g, '#');
        if (!said.has(sort)) { // each sort once: they come by the thousand
          said.add(sort);
          this.complain(`metering chip ${i + 1}: ${text}`);
        }
      }
    });
    return answer;
  }

  /** The mains from `nowUs` on; the crossings of (now, until] onto the agenda. */
  announce(agenda, nowUs, untilUs) {
    for (const stretch of this.waves.stretches) {
      const t0Us = Math.max(nowUs, stretch.fromNanos / 1000);
      const t1Us = stretch.toNanos / 1000;
      for (const { chip, volts, amps } of this.rows) {
        if (t1Us > t0Us) {
          chip.wave({
            t0Us,
            t1Us,
            hz: stretch.hz(volts),
            rad: stretch.angle(volts, t0Us * 1000),
            volts: stretch.pairs(volts),
            amps: stretch.pairs(amps),
          });
        }
      }
    }
    if (this.crossing?.by === 'zx_of_meter') {
      const edges = this.rows[0].chip.zeroCrossings(nowUs * 1000, untilUs * 1000);
      for (const { nanos, level } of edges) {
        agenda.add(nanos, () => this.pico.setPin(this.crossing.pin, level));
      }
    } else if (this.crossing !== null) {
      this.comparator(agenda, nowUs * 1000);
    }
  }

  /** A comparator on the grid's voltage: high during the positive half period. */
  comparator(agenda, nowNanos) {
    const { pin, leg } = this.crossing;
    for (const stretch of this.waves.stretches) {
      const from = Math.max(nowNanos, stretch.fromNanos);
      let at = stretch.crossing('grid_v', leg - 1, from);
      while (at !== null) {
        const { nanos, rising } = at;
        agenda.add(nanos, () => this.pico.setPin(pin, rising ? 1 : 0));
        at = stretch.crossing('grid_v', leg - 1, nanos);
      }
    }
  }
}
