# islet: lines over which devices are spoken to, in Modbus.
# GPL-3.0-or-later
#
#   line      one line: who may speak next                             (Line, Job, Device)
#   rtu       one request and its answer, whatever the wire does to it (Rtu, Master, Peer)
#   tcp       the same over a connection                               (Tcp)
#   pdu       requests of Modbus and what answers them
#   registers numbers out of registers, by integers
