# islet: the circuit tree: how much of each node is left for whom.
# GPL-3.0-or-later
#
#   tree       the pass over all nodes, each step         layout     its arrays, row by row
#   kernel     what each node leaves                      devices    what islet commands, and what
#   share      to whom, by rank; has_kernel: what each    that did of late; device_kernel
#              has and wants; export: of the site's export; relief: of an overload, where allowed
#   neutral    what a neutral leaves to devices that do not load all legs alike; neutral_kernel
#   pairing    whose moment a late reading is of          pace       how late it is; step_kernel
#   witness    instruments judged by islet's own steps (INV-15); witness_*: its parts
#   claims_kernel, export_kernel, relief_kernel: what of these every step does, in viper
