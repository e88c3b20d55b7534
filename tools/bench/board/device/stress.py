# islet: everything runs, and a garbage collection is always under way.
# GPL-3.0-or-later

import rig

rig.run(with_garbage=True)
