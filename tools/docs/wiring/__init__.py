# islet: how a circuit board is wired, from its JSON.
# GPL-3.0-or-later
