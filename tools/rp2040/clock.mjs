// islet: the chip's clock: alarms in order of time, cheap to set, move and cancel.
// GPL-3.0-or-later

/** Something that happens at an instant of the chip's time. */
class Alarm {
  constructor(clock, callback) {
    this.clock = clock;
    this.callback = callback;
    this.nanos = 0;
    this.scheduled = false;
    this.next = null;
    this.previous = null;
  }

  /** Happen `deltaNanos` from now; a pending alarm moves. */
  schedule(deltaNanos) {
    this.scheduleAt(this.clock.nanosCounter + deltaNanos);
  }

  scheduleAt(nanos) {
    if (this.scheduled) {
      this.clock.unlink(this);
    }
    this.nanos = nanos;
    this.clock.link(this);
  }

  cancel() {
    if (this.scheduled) {
      this.clock.unlink(this);
    }
  }
}

/**
 * Takes the place of rp2040js's SimulationClock, same interface. Differences: cancelling does not
 * walk the list, a fired alarm knows that it is no longer scheduled, and `changed` tells the run
 * loop that the earliest alarm is another one now.
 *
 * As in rp2040js, of two alarms at one instant the one set later fires first.
 */
export class ChipClock {
  constructor() {
    this.nanosCounter = 0;
    this.nextAlarm = null;
    this.changed = false;
  }

  get nanos() {
    return this.nanosCounter;
  }

  get micros() {
    return this.nanosCounter / 1000;
  }

  get nanosToNextAlarm() {
    return this.nextAlarm ? this.nextAlarm.nanos - this.nanosCounter : 0;
  }

  createAlarm(callback) {
    return new Alarm(this, callback);
  }

  link(alarm) {
    alarm.scheduled = true;
    let before = null;
    let after = this.nextAlarm;
    while (after !== null && after.nanos < alarm.nanos) {
      before = after;
      after = after.next;
    }
    alarm.previous = before;
    alarm.next = after;
    if (after !== null) {
      after.previous = alarm;
    }
    if (before !== null) {
      before.next = alarm;
    } else {
      this.nextAlarm = alarm;
      this.changed = true;
    }
  }

  unlink(alarm) {
    alarm.scheduled = false;
    if (alarm.next !== null) {
      alarm.next.previous = alarm.previous;
    }
    if (alarm.previous !== null) {
      alarm.previous.next = alarm.next;
    } else {
      this.nextAlarm = alarm.next;
      this.changed = true;
    }
    alarm.next = null;
    alarm.previous = null;
  }

  /** Go on to `nanos`, firing what is due on the way, each at its own instant. */
  advanceTo(nanos) {
    let alarm = this.nextAlarm;
    while (alarm !== null && alarm.nanos <= nanos) {
      this.unlink(alarm);
      if (alarm.nanos > this.nanosCounter) {
        this.nanosCounter = alarm.nanos;
      }
      alarm.callback();
      alarm = this.nextAlarm;
    }
    if (nanos > this.nanosCounter) {
      this.nanosCounter = nanos;
    }
  }

  tick(deltaNanos) {
    this.advanceTo(this.nanosCounter + deltaNanos);
  }
}
