"""What prints parts of the documents from tables and data."""

import sys

from tools.workshop import CACHE, ROOT

# the firmware, its packed data and its packages, as it sees them on a board
for _place in (ROOT / "lib", CACHE / "data", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))
