# islet: the page as the chip serves it.
# GPL-3.0-or-later
from __future__ import annotations

import gzip
from pathlib import Path


def pack(path: Path) -> bytes:
    """The page gzipped; the same file always gives the same bytes."""
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
