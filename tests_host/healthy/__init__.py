# islet: healthy houses: whole-firmware runs in which nothing is at fault.
# GPL-3.0-or-later
