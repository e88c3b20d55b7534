# islet: name.local: found by the hosts beside it, on the network of a driver of ours.
# GPL-3.0-or-later
