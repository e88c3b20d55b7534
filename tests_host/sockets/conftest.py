"""The device packages, as on the chip."""

import sys

from tests_host.conftest import ROOT

if str(ROOT / "lib") not in sys.path:
    sys.path.append(str(ROOT / "lib"))
