// islet: the whole chip with our image: console, resets, flash, time, determinism.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { IDEAL, Pico } from '../../tools/rp2040/chip.mjs';
import { root } from '../../tools/rp2040/rp2040js.mjs';

const IMAGE = new URL('.cache/rp2040/pico/firmware.bin', root);
assert.ok(existsSync(IMAGE), 'no image for the chip: make one with `make image IMAGE=pico`');

const MS = 1e6;

/** A board at the raw REPL. */
function board(options = {}) {
  const pico = new Pico({ image: IMAGE, adc: IDEAL, ...options });
  pico.exec('import gc, machine, os, time');
  return pico;
}

test('the console runs code, prints, and tells of errors', () => {
  const pico = board();
  assert.match(pico.exec('import sys; print(sys.version, sys.platform)'), /v1\.25.* rp2\n/);
  assert.throws(() => pico.exec('1/0'), /on the chip: .*ZeroDivisionError/s);
  assert.throws(() => pico.exec('while True: pass', 20), /did not say .* in 20 ms/);
  assert.throws(() => pico.exec(''), /soft reset/);
  assert.throws(() => new Pico({ imaeg: IMAGE }), /no such option: imaeg; there are .*image/);
  assert.throws(() => pico.onPin(30, () => {}), /GP30: a Pico has GP0 to GP29/);
});

test("the module's lamp and button", () => {
  const pico = board();
  const edges = [];
  pico.onPin(25, (level) => edges.push(level));
  pico.exec('import rp2\nlamp = machine.Pin("LED", machine.Pin.OUT, value=0)\nlamp(1)\nlamp(0)');
  assert.deepEqual(edges.slice(-2), [1, 0]);
  for (const pressed of [false, true, false]) {
    pico.bootsel(pressed);
    const said = pico.exec('print(rp2.bootsel_button(), len(os.listdir("/")) >= 0)').trim();
    assert.equal(said, `${Number(pressed)} True`); // and the flash still answers
  }
});

test('pins, PWM, converter and a UART reach the world, with its time', () => {
  const pico = board({ adcVolts: (channel) => (channel === 1 ? 1.65 : undefined) });
  const edges = [];
  const sent = [];
  pico.onPin(3, (level, nanos) => edges.push([level, nanos]));
  pico.onUartByte(1, (byte, nanos) => sent.push([byte, nanos]));
  pico.setPin(10, 1);
  const output = pico.exec(`
pin = machine.Pin(3, machine.Pin.OUT); pin(1); pin(0)
print(machine.Pin(10, machine.Pin.IN)(), machine.ADC(27).read_u16())
pwm = machine.PWM(machine.Pin(9), freq=1000, duty_u16=16384)
uart = machine.UART(1, 19200, bits=8, parity=0, stop=1, tx=4, rx=5)
uart.write(b'ab'); uart.flush()
`);
  assert.equal(output, `1 ${(2048 << 4) | (2048 >> 8)}\n`);
  assert.deepEqual(edges.map(([level]) => level), [0, 1, 0]);
  assert.ok(edges[2][1] - edges[1][1] < 60e3);
  assert.equal(pico.pin(3), 0);
  assert.equal(pico.pin(20), null);
  assert.ok(Math.abs(pico.pwm(9).freqHz - 1000) < 0.1);
  assert.equal(pico.pwm(9).dutyU16, 16384);
  assert.deepEqual(sent.map(([byte]) => byte), [97, 98]);
  assert.ok(Math.abs(sent[1][1] - sent[0][1] - 11e9 / 19200) < 200);
  [...'reply'].forEach((letter, i) => {
    pico.uartFeed(1, letter.charCodeAt(0), pico.nanos + 2 * MS + i * 573e3);
  });
  assert.equal(pico.exec('time.sleep_ms(10); print(uart.read())'), "b'reply'\n");
});

test('SPI exchanges bytes with a device', () => {
  const pico = board();
  const seen = [];
  pico.spi(0).onTransmit = (byte) => {
    seen.push(byte);
    return 0xff - byte;
  };
  const output = pico.exec(`
spi = machine.SPI(0, baudrate=1_000_000, sck=18, mosi=19, miso=16)
answer = bytearray(3)
spi.write_readinto(b'\\x01\\x02\\x03', answer)
print(answer.hex())
start = time.ticks_us(); spi.write(bytes(1000)); print(time.ticks_us() - start)
`).split('\n');
  assert.equal(output[0], 'fefdfc');
  assert.deepEqual(seen.slice(0, 3), [1, 2, 3]);
  assert.ok(Math.abs(Number(output[1]) - 8000) < 900, output[1]);
  assert.ok(Math.abs(pico.spi(0).baudHz - 1e6) < 2e4);
});

test('a reset keeps flash and watchdog scratch, and neither RAM nor pins', () => {
  const pico = board();
  const heard = [];
  pico.onReset((reason) => heard.push(reason));
  pico.onPin(3, (level) => heard.push(level));
  pico.exec(`
with open('/kept.txt', 'w') as file: file.write('here')
machine.mem32[0x4005800C] = 0x1234
pin = machine.Pin(3, machine.Pin.OUT, value=1)`);
  const before = pico.nanos;
  const fresh = () => {
    pico.run(50);
    return pico.exec(`import machine
print(open('/kept.txt').read(), machine.mem32[0x4005800C], machine.reset_cause())`);
  };
  assert.throws(() => pico.exec('machine.reset()', 100), /did not say/);
  assert.ok(pico.nanos > before, 'time goes on');
  assert.deepEqual(heard, [1, null, 'forced']);
  assert.equal(fresh(), 'here 4660 3\n');
  pico.exec('machine.WDT(timeout=200)');
  pico.run(150);
  assert.equal(pico.resets, 1);
  pico.run(150);
  assert.equal(heard.at(-1), 'watchdog');
  const ram = pico.ram;
  pico.run(50);
  pico.exec('import machine; machine.mem32[0x4005800C] = 0x1235');
  pico.reset('watchdog');
  const dark = pico.nanos + 3e9;
  pico.hold(dark);
  assert.equal(pico.nanos, dark);
  assert.equal(fresh(), 'here 4661 3\n');
  pico.reset('power');
  assert.equal(fresh(), 'here 0 1\n');
  assert.equal(pico.ram, ram, 'a view of the RAM stays valid');
});

test('a saved flash boots with its files', () => {
  const pico = board();
  pico.exec("with open('/kept.txt', 'w') as file: file.write('saved')");
  const again = board({ image: null, flash: pico.flash.slice() });
  assert.equal(again.exec("print(open('/kept.txt').read())"), 'saved\n');
});

test('load is what the processor does not sleep', () => {
  const pico = board();
  const share = (code) => {
    const [nanos, busy] = [pico.nanos, pico.busyNanos];
    pico.exec(code);
    return (pico.busyNanos - busy) / (pico.nanos - nanos);
  };
  assert.ok(share('time.sleep_ms(300)') < 0.05);
  assert.ok(share('for i in range(3000): pass') > 0.9);
  assert.equal(pico.busyNanos + pico.idleNanos, pico.nanos);
});

test('a drifting crystal stretches the chip\'s time against the world\'s', () => {
  const measured = (clockPpm) => {
    const pico = board({ clockPpm });
    const edges = [];
    pico.exec('pin = machine.Pin(3, machine.Pin.OUT)');
    pico.onPin(3, (_, nanos) => edges.push(nanos));
    pico.exec('pwm = machine.PWM(pin, freq=1000, duty_u16=32768); time.sleep_ms(120)');
    return edges[201] - edges[1];
  };
  const nominal = measured(0);
  assert.ok(Math.abs(nominal - 100 * MS) < 1e3);
  assert.ok(Math.abs(measured(100) / nominal - 1.0001) < 1e-9);
});

test('stop() in a callback ends the run at that instruction', () => {
  const pico = board();
  let at = 0;
  pico.onPin(3, (level, nanos) => {
    at = nanos;
    pico.stop();
  });
  pico.type('machine.Pin(3, machine.Pin.OUT)\x04');
  assert.equal(pico.runUntil(pico.nanos + 1000 * MS), true);
  assert.ok(at > 0 && pico.nanos - at < 100, `${pico.nanos - at} ns late`);
  const end = pico.nanos + 3 * MS;
  assert.equal(pico.runUntil(end), false);
  assert.ok(pico.nanos - end < 200);
});

test('two runs of one script are the same to the cycle', () => {
  const trace = () => {
    const pico = board({ adc: { seed: 5 }, adcVolts: (_, nanos) => 1.6 + Math.sin(nanos / 1e6) });
    const hash = createHash('sha256');
    for (let gpio = 0; gpio < 30; gpio++) {
      pico.onPin(gpio, (level, nanos) => hash.update(`${gpio} ${level} ${nanos}\n`));
    }
    const output = pico.exec(`
import random
pwm = machine.PWM(machine.Pin(9), freq=997, duty_u16=20000)
pin = machine.Pin(3, machine.Pin.OUT)
adc = machine.ADC(26)
timer = machine.Timer(freq=500, callback=lambda _: pin.toggle())
total = 0.0
for i in range(300):
    total += adc.read_u16() * 1.5 + random.random()
    if i % 50 == 0: gc.collect()
time.sleep_ms(20)
timer.deinit()
print(total, os.urandom(4))
`);
    hash.update(pico.ram);
    return [output, pico.nanos, pico.busyNanos, hash.digest('hex')];
  };
  assert.deepEqual(trace(), trace());
});
