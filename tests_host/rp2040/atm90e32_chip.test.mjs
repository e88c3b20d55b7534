// islet: the metering driver, frozen into the Pico's image, on its SPI with two metering chips.
// GPL-3.0-or-later

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { Pico } from '../../tools/rp2040/chip.mjs';
import { Atm90e32 } from '../../tools/rp2040/devices/atm90e32.mjs';

const IMAGE = fileURLToPath(new URL('../../.cache/rp2040/pico/firmware.bin', import.meta.url));
const CTRL_D = '\x04';
const BANNER = 'raw REPL; CTRL-B to exit\r\n>';
// the image's firmware has numbers where the sources have names
function folded(text) {
  const python = ['-m', 'tools.image.fold', '--image', 'pico', '-'];
  return execFileSync('.venv/bin/python', python, { input: text, encoding: 'utf8' });
}

const SELECTS = [17, 20];
const BUDGET_US = 2_000; // of a cycle of 100 ms, for both chips, in the mean
const HEAP_BYTES = 12_000; // modules and objects

const SETUP = folded(`
import gc
gc.collect()
free = gc.mem_free()
import micropython, time
import islet_data
from machine import SPI, Pin
from firmware import image as im
from firmware.chips.circuit import Circuit
circuit = Circuit(islet_data.CIRCUITS["pico"])
image = im.Image()
site = image.site
site[im.LEG_COUNT] = site[im.DEVICE_LEGS] = 3
site[im.NODE_COUNT] = 3
site[im.NODE_INSTRUMENT] = im.INSTRUMENT_CT
site[im.DEVICE_NODE], site[im.POINT_DEVICE] = 2, 0
site[im.DEVICE_KIND] = im.KIND_POINT
for k in range(3):
    site[im.DEVICE_LEG + k] = k
site[im.NODE_INSTRUMENT + 2] = im.INSTRUMENT_POINT
number, sck, mosi, miso, baud = circuit.spi
spi = SPI(number, baud, polarity=1, phase=1, sck=Pin(sck), mosi=Pin(mosi), miso=Pin(miso))
selects = [Pin(row.cs, Pin.OUT, value=1) for row in circuit.meters]
gc.collect()
before = gc.mem_free()
from firmware.sense.atm90e32 import Atm90e32
from firmware.sense.metering import Metering
drivers = [Atm90e32(spi, cs, row) for cs, row in zip(selects, circuit.meters)]
metering = Metering(image, circuit.meters, drivers, circuit.crossing_leg)
gc.collect()
print(before - gc.mem_free())
def cycles(metering, image, n):
    worst = total = 0
    ticks, poll = time.ticks_us, metering.poll
    time.sleep_ms(20)  # until the console has said what it was asked: USB is no part of a poll
    micropython.heap_lock()
    for _ in range(n):
        start = ticks()
        poll(100)
        us = ticks() - start
        total += us
        if us > worst:
            worst = us
        image.age_rest(100)
        time.sleep_us(100_000 - us)
    micropython.heap_unlock()
    return total // n, worst
`);
const READ = folded(`
from firmware import image as im
live = image.live
print([list(live[at:at + n]) for at, n in ((im.GRID_MV, 3), (im.GRID_MHZ, 1), (im.GRID_AGE_MS, 1),
    (im.HOUSE_MV, 3), (im.DEVICE_MA, 3), (im.NODE_MA, 3), (im.NODE_W, 3), (im.NODE_W + 6, 3))])
`);

/** Three legs as pairs. */
const three = (rms, degrees = 0) => [0, 1, 2].flatMap((leg) => {
  const rad = ((degrees - 120 * leg) * Math.PI) / 180;
  return [rms * Math.cos(rad), rms * Math.sin(rad)];
});

function board() {
  assert.ok(existsSync(IMAGE), `no ${IMAGE}: run \`make image IMAGE=pico\``);
  const pico = new Pico({ image: IMAGE });
  const divider = 6 / 230 / 16; // as firmware/circuits/pico.json has it
  const burden = (0.05 / 100) * 12;
  const chips = SELECTS.map((pin, number) => {
    const chip = new Atm90e32({
      voltsPerVolt: Array(3).fill(divider), voltsPerAmp: Array(3).fill(burden), seed: number + 1,
    });
    pico.onPin(pin, (level, nanos) => chip.select(level ?? 1, nanos));
    return chip;
  });
  pico.spi(0).onTransmit = (byte) => chips.reduce(
    (line, chip) => line & (chip.transfer(byte, pico.nanos) ?? 0xff), 0xff,
  );
  const wave = (number, amps, degrees, hz = 50) => chips[number].wave({
    t0Us: pico.nanos / 1000, t1Us: Infinity, hz, rad: 0, volts: three(230),
    amps: three(amps, degrees),
  });
  pico.exec('pass'); // ends main.py, which a soft start of the raw REPL leaves out
  pico.type(CTRL_D);
  pico.repl.waitFor(BANNER, 10_000);
  return { pico, chips, wave };
}

const near = (value, wanted, percent) => assert.ok(
  Math.abs(value - wanted) <= (Math.abs(wanted) * percent) / 100, `${value}, wanted ${wanted}`,
);

test('two chips on the Pico: readings, time of a poll, memory, a dip of the supply', (t) => {
  const { pico, chips, wave } = board();
  wave(0, 25, 143.13, 50.1);
  wave(1, 16, 0, 50.1);
  const cycles = (n) => JSON.parse(pico.exec(
    `print(list(cycles(metering, image, ${n})))`, n * 200 + 5000,
  ));
  const read = () => JSON.parse(pico.exec(READ));

  const bytes = Number(pico.exec(SETUP, 20_000));
  assert.ok(bytes < HEAP_BYTES, `${bytes} bytes of heap`);
  const [, starting] = cycles(20);
  const [mean, worst] = cycles(40);
  t.diagnostic(`poll ${mean} us in the mean, ${worst} at most, ${starting} while configuring; `
    + `${bytes} bytes of heap`);
  assert.ok(mean <= BUDGET_US && worst <= 1.1 * BUDGET_US && starting <= 1.2 * BUDGET_US);

  const [gridMv, [mhz], [age], houseMv, evseMa, nodeMa, nodeW, chargerW] = read();
  assert.ok(age <= 420);
  assert.ok(Math.abs(mhz - 50_100) <= 10);
  for (const leg of [0, 1, 2]) {
    near(gridMv[leg], 230_000, 0.1);
    near(houseMv[leg], 230_000, 0.1);
    near(evseMa[leg], 16_000, 0.2);
    near(nodeMa[leg], -25_000, 0.2);
    near(nodeW[leg], -230 * 25 * 0.8, 0.3);
    near(chargerW[leg], 230 * 16, 0.3);
  }

  chips[0].brownOut(pico.nanos);
  cycles(10);
  assert.ok(read()[2][0] >= 900, 'not renewed by a chip that has lost everything');
  cycles(12);
  assert.ok(read()[2][0] <= 420, 'configured anew');
  assert.deepEqual(chips.map(({ violations }) => violations), [[], []]);
});
