# islet: what the device makes of each board, as text.
# GPL-3.0-or-later

import islet_data

from firmware.chips.circuit import Circuit

ATTRIBUTES = (
    "name chip guard rate_hz frames block_frames blocks frame_us pilot_pins pilot_hz lines "
    "spi crossing_pin crossing_leg dead_man_pin dead_man_bits dead_man_ms "
    "dead_man_by evse_a mains_a outputs inputs"
)
SCALARS = "rate_hz frame_ns frame_us frames blocks block_frames skew_us count"


def dump(name):
    circuit = Circuit(islet_data.CIRCUITS[name])
    lines = [repr((key, getattr(circuit, key))) for key in ATTRIBUTES.split()]
    analog = circuit.analog
    lines += [repr((key, getattr(analog, key))) for key in SCALARS.split()]
    lines += [
        repr(list(a))
        for a in (circuit.adc, circuit.adc_pins, analog.signal, analog.leg, analog.point)
    ]
    lines += [repr(list(a)) for a in (analog.low, analog.high)]
    for m in circuit.meters:
        lines.append(repr((m.cs, m.volts, m.amps, m.pga, m.volts_nv, m.amps_nv)))
    return lines


if __name__ == "__main__":
    for name in sorted(islet_data.CIRCUITS):
        for line in dump(name):
            print(line)
