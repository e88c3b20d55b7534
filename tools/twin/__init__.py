# islet: the twin: the simulated house, physical truth for the firmware under test.
# GPL-3.0-or-later
