# islet: `make mutate`: mistakes planted in the firmware, and which of them no test finds.
# GPL-3.0-or-later
"""Our own, for no library serves: mutmut holds all mistakes of a file in it at once behind calls,
which the viper subset and the folded copy for MicroPython cannot take; cosmic-ray changes the
working tree in place and runs one command for every file; neither drops rows or swaps ages.
"""
