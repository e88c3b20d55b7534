# islet: the vehicle's side: what the car asks, what its contactor may do.
# GPL-3.0-or-later
#
#   pilot proximity   IEC 61851-1: state and duty, the cable's rating; look_kernel: both as ever
#   contactor         permit and confirmation, zero current first, welds
#   draw wear pen     whether the car follows, the contactor's budget, a lost PEN
#   rights            INV-1, INV-5: what must be true to close or to form
#   bounds            times that firmware and referee share as one table
