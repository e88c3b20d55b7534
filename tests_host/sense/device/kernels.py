# Runs each vector of a JSON file through the viper kernels and their plain twin.
import json
import sys
from array import array

from firmware.sense import kernel, kernel_plain


def run(module, case):
    samples = array("H", case["samples"])
    frames, stride = case["frames"], case["stride"]
    offsets = array("i", case["offsets"])
    a, b, before = case["a"], case["b"], case["before"]
    a0, b0 = offsets[a], offsets[b]
    scan = array("i", [0] * (4 * stride))
    module.scan(samples, frames, stride, offsets, scan)
    state = array("i", case["state"])
    found = array("i", [0] * 5)
    module.plateaus(samples, frames, stride, a, case["lowest"], case["highest"], found)
    results = [
        module.rails(samples, frames, stride, a),
        module.product(samples, frames, stride, a, b, a0, b0),
        module.product_late(samples, frames, stride, a, b, a0, b0, before),
        module.crossing(samples, frames, stride, a, a0, case["hysteresis"], state),
        module.root(case["square"]),
    ]
    return list(scan) + list(state) + list(found) + results


with open(sys.argv[-1]) as file:
    for case in json.load(file):
        print(json.dumps([run(kernel, case), run(kernel_plain, case)]))
