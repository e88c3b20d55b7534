# islet: what both kinds of network share: addresses, the time, and who answers for name.local.
# GPL-3.0-or-later
