# islet: the comparison with others, and again with what islet does made slow.
# GPL-3.0-or-later

import time

import rivals

from firmware.bus.rtu import Rtu
from firmware.net.link import Link
from firmware.people.published import Published
from firmware.sense import kernel


def slow(of, name, ms):
    quick = getattr(of, name)

    def slowed(*arguments):
        time.sleep_ms(ms)
        return quick(*arguments)

    setattr(of, name, slowed)


print("running")
rivals.measure()
slow(Rtu, "_send", 4)
slow(Link, "begin", 25)
slow(Published, "_put", 4)
slow(kernel, "product", 1)
rivals.measure()
print("done")
