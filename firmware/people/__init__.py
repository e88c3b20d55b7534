# islet: what people read and ask for, whichever way it reaches them.
# GPL-3.0-or-later
#
#   words      sentences for states and faults            reasons    for every limit
#   state      the published state                        events     what happened
#   commands   what people may ask for                    lamp       its patterns, the button
