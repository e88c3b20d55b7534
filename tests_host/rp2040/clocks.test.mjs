// islet: the run loop's clock, the timer's alarms, the watchdog, the calendar.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ChipClock } from '../../tools/rp2040/clock.mjs';
import { fixRtc } from '../../tools/rp2040/fixes/rtc.mjs';
import { fixTimer } from '../../tools/rp2040/fixes/timer.mjs';
import { fixWatchdog } from '../../tools/rp2040/fixes/watchdog.mjs';
import { fresh, pass, peek, poke, stock } from './support.mjs';

const TIMER = 0x40054000;
const ALARM0 = TIMER + 0x10;
const INTR = TIMER + 0x34;
const WATCHDOG = 0x40058000;
const LOAD = WATCHDOG + 0x04;
const REASON = WATCHDOG + 0x08;
const SCRATCH3 = WATCHDOG + 0x18;
const ENABLE = 1 << 30;
const TRIGGER = 2 ** 31;
const RTC = 0x4005c000;

test('alarms fire in order, each at its own time; one set later goes before at the same', () => {
  const clock = new ChipClock();
  const fired = [];
  const alarm = (name, nanos) => {
    const made = clock.createAlarm(() => fired.push([name, clock.nanos]));
    made.schedule(nanos);
    return made;
  };
  const moved = alarm('moved', 5);
  const cancelled = alarm('cancelled', 7);
  alarm('first', 20);
  alarm('second', 20);
  moved.schedule(30);
  cancelled.cancel();
  cancelled.cancel();
  const again = clock.createAlarm(() => {
    fired.push(['again', clock.nanos]);
    if (clock.nanos < 12) {
      again.schedule(3);
    }
  });
  again.schedule(7);
  clock.tick(100);
  assert.deepEqual(fired, [['again', 7], ['again', 10], ['again', 13], ['second', 20],
    ['first', 20], ['moved', 30]]);
  assert.equal(clock.nanos, 100);
});

test('a timer alarm fires when the counter gets there, not before', () => {
  for (const [make, nanos] of [[stock, 99500], [fresh, 100000]]) {
    const mcu = make();
    if (make === fresh) {
      fixTimer(mcu);
    }
    pass(mcu, 500);
    poke(mcu, ALARM0, 100);
    pass(mcu, nanos - 501);
    assert.equal(peek(mcu, INTR), 0);
    pass(mcu, 1);
    assert.equal(peek(mcu, INTR), 1);
  }
});

test('an alarm in the past waits for the counter to come round', () => {
  const mcu = fresh();
  fixTimer(mcu);
  pass(mcu, 5e6);
  poke(mcu, ALARM0, 4999);
  pass(mcu, 4e12);
  assert.equal(peek(mcu, INTR), 0);
  pass(mcu, 1e12);
  assert.equal(peek(mcu, INTR), 1);
});

test('the watchdog fires once, after half of what was loaded (errata E1)', () => {
  const mcu = fresh();
  const fired = [];
  fixWatchdog(mcu, (reason, scratch) => fired.push([reason, scratch[3], mcu.clock.nanos]));
  poke(mcu, SCRATCH3, 0x1234);
  poke(mcu, LOAD, 2000);
  poke(mcu, WATCHDOG, ENABLE);
  pass(mcu, 10e6);
  assert.deepEqual(fired, [[1, 0x1234, 1e6]]);
});

test('reason and scratch registers outlive the reset', () => {
  const mcu = fresh();
  let kept = null;
  fixWatchdog(mcu, (reason, scratch) => {
    kept = { reason, scratch };
  });
  poke(mcu, SCRATCH3, 77);
  poke(mcu, WATCHDOG, TRIGGER);
  const next = fresh();
  fixWatchdog(next, () => {}, kept);
  assert.deepEqual([peek(next, SCRATCH3), peek(next, REASON)], [77, 2]);
});

test('the calendar does not care about the host\'s summer time', () => {
  const zone = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
  try {
    const hourAfter = (mcu) => {
      poke(mcu, RTC + 0x04, (2021 << 12) | (3 << 8) | 28);
      poke(mcu, RTC + 0x08, (1 << 16) | (59 << 8) | 59);
      poke(mcu, RTC + 0x0c, 0x10);
      poke(mcu, RTC + 0x0c, 0x01);
      pass(mcu, 2e9);
      return (peek(mcu, RTC + 0x1c) >> 16) & 31;
    };
    const mcu = fresh();
    fixRtc(mcu);
    assert.equal(hourAfter(mcu), 2);
    assert.equal(hourAfter(stock()), 3, 'stock rp2040js');
  } finally {
    zone === undefined ? delete process.env.TZ : process.env.TZ = zone;
  }
});
