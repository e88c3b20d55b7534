# islet: RS-485: Modbus RTU, SunSpec, device profiles as data.
# GPL-3.0-or-later
#
#   line      one RS-485 line: who may speak next                     (Line, Job, Device)
#   rtu       one request and its answer, whatever the line does to it (Rtu, Peer)
#   pdu       requests of Modbus and what answers them
#   registers numbers out of registers, by integers
#   profiles  a meter as rows of data, from firmware/profiles/*.json
#   meter     the house meter
#   sunspec   discovery of a SunSpec device
#   inverter  the bidirectional inverter
