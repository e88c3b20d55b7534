# islet: what hangs on a line: found, named, and as a configuration to paste.
# GPL-3.0-or-later
#
#   bus       asks, by pymodbus' own client      (Bus, Refused)
#   scan      who answers, at which speed        (units, speeds)
#   profiles  which of islet's profiles fits     (judge)
#   clues     what speaks for it, and against    (find)
#   sunspec   whether it speaks SunSpec          (find)
#   record    all registers that it has, a file
#   watch     live values, and what cannot be
#   report    in words, and as configuration
