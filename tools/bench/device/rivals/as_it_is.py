# islet: the comparison with others.
# GPL-3.0-or-later

import rivals

print("running")
rivals.measure()
print("done")
