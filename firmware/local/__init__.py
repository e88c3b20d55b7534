# islet: name.local: found by the hosts beside it, on whatever network the board has.
# GPL-3.0-or-later
