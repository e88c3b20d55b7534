// islet: how long from a happening in the world to the edge of an output, measured many times.
// GPL-3.0-or-later
//
//   node tools/bench/board/emulated/latency.mjs SETUP PROGRAM EVENTS [KIND…]
//
// One line of JSON for each kind of happening: its latencies in µs. They come one after the other on
// one board that has booted once, each with its own random phases. The program on the chip renews
// its permits by itself, so that the output comes back when the cause has gone.

import { Rig } from './rig.mjs';
import { PILOT_V, threePhase } from './world.mjs';

const BACK_MS = 3000; // an output must be back after so long
const SETTLE_MS = 130; // blanking after closing is 100 ms
const LONGEST_MS = 400; // a latency beyond counts as missed

const RATED_A = 16; // tools/bench/board/site.json

/** Each: the output, how to cause it (gives the onset in ns), how to take it back. */
export const KINDS = {
  overcurrent: {
    output: 'contactor',
    /** From 1.5 to 3 times the trip's threshold, which is twice the rating. */
    cause(rig) {
      const factor = 1.5 + rig.random() * 1.5;
      rig.world.set({ evseA: threePhase(2 * RATED_A * factor) });
      return rig.world.nowUs * 1000;
    },
    end: (rig) => rig.world.set({ evseA: threePhase(0) }),
  },
  overcurrent_near: {
    output: 'contactor',
    /** From 1.1 to 1.5 times the threshold: the sine is above it for a part of each half cycle. */
    cause(rig) {
      const factor = 1.1 + rig.random() * 0.4;
      rig.world.set({ evseA: threePhase(2 * RATED_A * factor) });
      return rig.world.nowUs * 1000;
    },
    end: (rig) => rig.world.set({ evseA: threePhase(0) }),
  },
  pilot: {
    output: 'contactor',
    /** To A, B or a short to earth. */
    cause(rig) {
      const way = rig.between(0, 2);
      const high = [PILOT_V.A, PILOT_V.B, 0][way];
      rig.world.set({ pilotHighV: high, pilotLowV: way === 2 ? 0 : -12 });
      return rig.world.nowUs * 1000;
    },
    end: (rig) => rig.world.set({ pilotHighV: PILOT_V.C, pilotLowV: -12 }),
  },
  grid: {
    output: 'enable',
    /** All legs at once; counted from the first crossing that does not come. */
    cause(rig) {
      const missed = rig.world.nextCrossingNanos();
      rig.world.set({ gridV: threePhase(0) });
      return missed;
    },
    end: (rig) => rig.world.set({ gridV: threePhase(230) }),
  },
  trip_pin: {
    output: 'contactor',
    cause(rig) {
      rig.world.input('rcd', 1);
      return rig.world.nowUs * 1000;
    },
    end: (rig) => rig.world.input('rcd', 0),
  },
  dead_man: {
    output: null, // the pin that feeds the coils
    /** The processor stops between two instructions, with its interrupts; the rest goes on. */
    cause(rig) {
      freeze(rig.pico, true);
      return rig.pico.nanos;
    },
    end: (rig) => freeze(rig.pico, false),
  },
};

function freeze(pico, frozen) {
  const { engine } = pico;
  if (!frozen) {
    delete engine.run;
    return;
  }
  engine.run = function run(until) {
    const { clock } = this;
    this.interrupted = false;
    while (clock.nanosCounter < until && !this.interrupted) {
      const alarm = clock.nextAlarm;
      this.sleep(alarm === null ? until : Math.min(alarm.nanos, until));
    }
  };
}

/** Latencies of one kind, µs; a missed one is null. `fell`: the output did not stay on, or did not
 * come back, without a cause. */
export function measure(rig, name, events) {
  const kind = KINDS[name];
  const { world } = rig;
  const pin = kind.output === null ? rig.board.wiring.dead_man.pin : world.outputPin(kind.output);
  const latencies = [];
  for (let event = 0; event < events; event++) {
    if (rig.pico.pin(pin) !== 1) {
      world.run(BACK_MS, () => rig.pico.pin(pin) === 1);
    }
    world.run(SETTLE_MS + rig.random() * 40);
    if (rig.pico.pin(pin) !== 1) {
      return { latencies, fell: true, said: rig.text.slice(-500) };
    }
    let at = null;
    const forget = rig.pico.onPin(pin, (level, nanos) => {
      at ??= level === 0 ? nanos : null;
    });
    const onset = kind.cause(rig);
    world.run(LONGEST_MS, () => at !== null);
    forget();
    kind.end(rig);
    latencies.push(at === null ? null : (at - onset) / 1000);
  }
  return { latencies, fell: false, said: '' };
}

function main([setup, program, events, ...kinds]) {
  const rig = Rig.fromFile(setup);
  rig.calm();
  rig.start(program);
  for (const name of kinds.length ? kinds : Object.keys(KINDS)) {
    rig.roll(); // what is drawn for a kind does not depend on those before it
    rig.text = '';
    rig.world.run(500);
    const from = { busy: rig.pico.busyNanos, all: rig.pico.nanos };
    const { latencies, fell, said } = measure(rig, name, Number(events));
    const load = (rig.pico.busyNanos - from.busy) / (rig.pico.nanos - from.all);
    const line = { kind: name, program, events: latencies.length, load, fell, said, spare: rig.spare() };
    console.log(JSON.stringify({ ...line, latencies_us: latencies }));
  }
}

if (process.argv[1]?.endsWith('latency.mjs')) {
  main(process.argv.slice(2));
}
