# islet: first file the chip runs. It energises nothing.
# GPL-3.0-or-later
#
# Outputs stay as the circuit board's pull-downs and hold circuits leave them (INV-12): no pin is
# touched here. The frozen firmware comes first in sys.path, so that no file in the file system can
# shadow it; `lib` holds the device packages where they are not frozen.

import sys

if ".frozen" in sys.path:
    sys.path.remove(".frozen")
    sys.path.insert(0, ".frozen")
