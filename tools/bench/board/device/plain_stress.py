# islet: the plain loop, under garbage without pause.
# GPL-3.0-or-later

import plain

plain.run(with_garbage=True)
