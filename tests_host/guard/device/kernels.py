# islet test: the guard's kernels in viper, over the vectors that CPython uses too.
# GPL-3.0-or-later
import json

from firmware.guard import fast_kernel, kernel
from tests_host.guard import cases
from tests_host.guard.plain import fast_kernel as fast_kernel_plain

print(json.dumps(cases.causes_of(kernel, range(1, 1500))))
print(json.dumps(cases.looks_of(fast_kernel, range(1, 25))))
print(json.dumps(cases.looks_of(fast_kernel_plain, range(1, 25))))
