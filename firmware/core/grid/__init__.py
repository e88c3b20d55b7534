# islet: the grid's side: is it good, bad or dead, and the transfer to an island and back.
# GPL-3.0-or-later
#
#   gridcode   trip rows, enter service, ramp            supply    for the house as a load
#   own_trip   one's own power moved the voltage         recovery  what a person must acknowledge
#   island     the machine; island_table its states, island_facts what they ask,
#              island_judge, island_limits, island_energy what decides; switch_kernel the
#              voltages; island_kernel the tables, and whether anything has changed
