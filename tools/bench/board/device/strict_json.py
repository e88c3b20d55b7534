# islet: how long a document of 1 kB holds the loop, and the built-in parser alone.
# GPL-3.0-or-later

import gc
import json
import time

from firmware.base import strict_json

node = '{"name": "kitchen%d", "parent": "service", "rating_a": 25.5, "instrument": "none"}, '
text = '{"nodes": [' + "".join(node % i for i in range(11))
text += '{"name": "gar\\u00e4ge", "rating_a": 16}]}'
text = text.replace("gar", "g" + (1000 - len(text)) * "a" + "ar")  # 1 kB
print("running")
print("bytes", len(text))
for name, loads in (("strict", strict_json.loads), ("builtin", json.loads)):
    worst = 0
    for _ in range(10):
        gc.collect()
        start = time.ticks_us()
        loads(text)
        worst = max(worst, time.ticks_diff(time.ticks_us(), start))
    print(name, worst)
print("done")
