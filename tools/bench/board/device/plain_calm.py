# islet: the plain loop, with its tick and its log.
# GPL-3.0-or-later

import plain

plain.run(with_garbage=False)
