# Runs each vector of a JSON file through the viper kernels and their plain twin; the host imports
# run() too.
import json
import sys
from array import array

from firmware.sense import kernel
from tests_host.sense.plain import kernel as kernel_plain


def run(module, case):
    """All kernels of a module on one case; every result in one list."""
    samples = array("H", case["samples"])
    frames, stride = case["frames"], case["stride"]
    offsets = array("i", case["offsets"])
    a, b, before = case["a"], case["b"], case["before"]
    a0, b0 = offsets[a], offsets[b]
    rows = array("i", case["rows"])
    module.scan(samples, frames, stride, offsets, rows, array("i", case["steps"]))
    cleared = array("i", rows)
    module.clear(cleared, stride)
    state = array("i", case["state"])
    found = array("i", [0] * 5)
    module.plateaus(samples, frames, stride, a, case["lowest"], case["highest"], found)
    results = [
        module.product(samples, frames, stride, a, b, a0, b0),
        module.product_late(samples, frames, stride, a, b, a0, b0, before),
        module.crossing(samples, frames, stride, a, a0, case["hysteresis"], state),
        module.rms(case["square"], case["gain"], case["shift"]),
    ]
    return list(rows) + list(cleared) + list(state) + list(found) + results


if __name__ == "__main__":
    with open(sys.argv[-1]) as file:
        for case in json.load(file):
            print(json.dumps([run(kernel, case), run(kernel_plain, case)]))
