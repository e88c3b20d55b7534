# islet firmware
# GPL-3.0-or-later
