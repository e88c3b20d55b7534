# islet: outputs and inputs by what MicroPython has on any chip.
# GPL-3.0-or-later

from machine import Pin

from firmware.chips.common import PULL, Common


class Plain(Common):
    """Pin by pin: where registers are out of reach."""

    def __init__(self, name, network):
        super().__init__(name, network)
        circuit = self.circuit
        self._inputs = [
            (bits, Pin(pin, Pin.IN, PULL[pull])) for bits, pin, pull, _ in circuit.inputs
        ]
        # Off, as the pull-downs hold them. One that holds its state stays undriven until it is
        # first permitted: a reset must not open the islanding switch (INV-12).
        self._outputs = [
            (bit, Pin(pin) if hold else Pin(pin, Pin.OUT, value=0))
            for bit, pin, hold in circuit.outputs
        ]
        self._level = 0
        self._held = 0
        for bit, _, hold in circuit.outputs:
            self._held |= bit if hold else 0

    def write_outputs(self, bits):
        """Set the output pins (OUT_*); called by the guard alone, allocates nothing."""
        changed = bits ^ self._level
        if not changed:
            return
        self._level = bits
        for output in self._outputs:
            bit = output[0]
            if not changed & bit:
                continue
            if self._held & bit:
                self._held &= ~bit
                output[1].init(Pin.OUT, value=1)
            else:
                output[1].value(1 if bits & bit else 0)

    def read_inputs(self):
        """Contacts and protective inputs now (IN_*)."""
        bits = 0
        for entry in self._inputs:
            if entry[1].value():
                bits |= entry[0]
        return bits
