# islet: the plain loop, measuring a current.
# GPL-3.0-or-later

import plain

plain.rms()
