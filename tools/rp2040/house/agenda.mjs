// islet: what is announced to happen at the pins, in order of time.
// GPL-3.0-or-later
//
// The twin announces happenings up to the end of its prediction, and takes back what has not
// happened when the chip changes an output: drop(nanos) forgets what is later than that.

/** Happenings, each at its instant (ns since power-up). */
export class Agenda {
  constructor() {
    this.rows = []; // [nanos, action], sorted; first come, first served at one instant
  }

  add(nanos, action) {
    let at = this.rows.length;
    while (at && this.rows[at - 1][0] > nanos) {
      at -= 1;
    }
    this.rows.splice(at, 0, [nanos, action]);
  }

  /** Forget all later than `nanos`. */
  drop(nanos) {
    this.rows = this.rows.filter(([due]) => due <= nanos);
  }

  /** When the next is due; null when none is. */
  get dueNanos() {
    return this.rows.length ? this.rows[0][0] : null;
  }

  /** Do all that is due by `nanos`. */
  run(nanos) {
    while (this.rows.length && this.rows[0][0] <= nanos) {
      const [due, action] = this.rows.shift();
      action(due);
    }
  }
}
