# islet: what people read and ask for, whichever way it reaches them.
# GPL-3.0-or-later
#
#   names      what the rows are called                   words      sentences for states
#   reasons    for every limit                            alerts     for faults and trips
#   state      the published state; rows: of a device     events     what happened
#   asked      what people may ask for                    commands   carried out
#   leases     who limits what                            standing   what is energised, answers
#   lamp       its patterns, the button                   proof      what a proof came to
