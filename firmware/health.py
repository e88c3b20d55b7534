# islet: how well the loop keeps its promises.
# GPL-3.0-or-later

import gc


class Health:
    """How well the loop keeps its promises; worst values since start."""

    def __init__(self):
        self.control_late_ms = 0
        self.guard_gap_us = 0
        self.link_failures = 0
        self.handlers_failed = 0
        self.heap_low_bytes = gc.mem_free()

    def state(self):
        """For the published state."""
        return {
            "control_late_ms": self.control_late_ms,
            "guard_gap_us": self.guard_gap_us,
            "link_failures": self.link_failures,
            "handlers_failed": self.handlers_failed,
        }
