# islet: a chip's raw prompt and its UART, for MicroPython on a PC, which has neither.
# GPL-3.0-or-later
#
# argv: the pseudo-terminal that the UART is, a file for what is done to pins and UARTs. The prompt
# is at standard input and output.

import io
import select
import sys

PATH, LOG = sys.argv[1], sys.argv[2]
BANNER = "raw REPL; CTRL-B to exit\r\n"


def note(*what):
    with open(LOG, "a") as log:
        log.write(" ".join(map(str, what)) + "\n")


class Pin:
    IN, OUT, PULL_UP = "in", "out", "up"

    def __init__(self, number, *how, value=None):
        self.number = number
        if how:
            note("pin", number, *how)

    def __call__(self, level):
        note("pin", self.number, "=", level)


class UART:
    def __init__(self, number, baudrate, bits, parity, stop, tx, rx, txbuf, rxbuf):
        note("uart", number, baudrate, bits, parity, stop, tx.number, rx.number)
        self.file = open(PATH, "r+b")
        self.poll = select.poll()
        self.poll.register(self.file, select.POLLIN)

    def any(self):
        return bool(self.poll.poll(0))

    def read(self):
        data = b""
        while self.any():
            data += self.file.read(1)
        return data

    def write(self, data):
        note("sends", len(data))
        return self.file.write(data)

    def flush(self):
        pass

    def deinit(self):
        note("end")
        self.file.close()


class Machine:
    pass


Machine.Pin, Machine.UART = Pin, UART
sys.modules["machine"] = Machine


def say(text):
    sys.stdout.write(text)


def execute(code, names):
    say("OK")
    wrong = ""
    try:
        exec(code, names)
    except Exception as error:
        out = io.StringIO()
        sys.print_exception(error, out)
        wrong = out.getvalue()
    say("\x04" + wrong + "\x04>")


def main():
    names, raw, line = {}, False, b""
    while True:
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return
        if byte == b"\x01" and line == b"\x05A":
            say("R\x00")
        elif byte == b"\x01":
            raw = True
            say(BANNER + ">")
        elif byte == b"\x02":
            raw = False
            say("\r\n>>> ")
        elif byte == b"\x04" and raw:
            if line:
                execute(line.decode(), names)
            else:
                names = {}
                say("OK\r\nMPY: soft reboot\r\n" + BANNER + ">")
        elif byte == b"\r" and not raw:
            wrong = (
                "Traceback (most recent call last):\r\nSyntaxError: invalid\r\n" if line else ""
            )
            say("\r\n" + wrong + ">>> ")
        elif byte not in b"\r\x03" or (raw and line):
            line += byte
            continue
        line = b""


main()
