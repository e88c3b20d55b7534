# islet: ranges with a source and a reason, intersected, and whether they are obeyed.
# GPL-3.0-or-later
#
#   arbiter    collects the claims, decides               kernel     its table
#   clear_kernel: whether hardware's table, obedience and reserve need be asked at all
#   hardware   what pilot, cable, ratings and relays say  growth     shed at once, grow slowly
#   proof      the commissioning proof: a converter shows that it obeys
#   obedience  a device outside its grant (INV-16); seen, grants: what it did, what it was granted
