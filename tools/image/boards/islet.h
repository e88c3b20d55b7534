// islet: what all our boards share; included by their mpconfigboard.h.
// GPL-3.0-or-later

// A module need not know its file: a slot of the heap in each of more than a hundred.
#define MICROPY_PY___FILE__ (0)
