# islet: everything runs, as on a site.
# GPL-3.0-or-later

import rig

rig.run(with_garbage=False)
