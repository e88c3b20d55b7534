# islet: the circuit tree: how much of each node is left for whom.
# GPL-3.0-or-later
#
#   tree       the pass over all nodes, each step         kernel     its inner loops
#   history    islet's own steps of late                  pairing_kernel, pace: whose moment a late
#              reading is of, and how late it is
#   witness    instruments judged by islet's own steps (INV-15); witness_*: its parts
