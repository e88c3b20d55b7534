# islet: lines over which devices are spoken to, in Modbus.
# GPL-3.0-or-later
#
#   line      one line: who may speak next                             (Line, Job, Device)
#   rtu       one request and its answer, whatever the wire does to it (Rtu)
#   peer      who is asked, and what is common to those who ask        (Peer, Master)
#   tcp       the same over a connection                               (Tcp)
#   pdu       requests of Modbus and what answers them
#   registers numbers out of registers, by integers
#   diagnosis what is wrong with a line, in words                      (said)
#   frames    its last frames, for who asks                            (Frames)
