// islet: TCP connections of the emulated board that end in the simulated house, on its time.
// GPL-3.0-or-later
//
// By the link's items NetOpen, NetTx, NetClose and NetRx, NetClosed, NetRefused, NetAccept: what
// the twin's broker says repeats to the byte.

import { TwinTells } from './twin_tells.mjs';

const CONNECTIONS = 128; // ours are below, those the twin opens from here on
const SEGMENT = 1400;

export class TwinEnds extends TwinTells {
  /** @param {(item: object) => void} say an item for the link */
  constructor(say) {
    super();
    this.say = say;
    this.reset();
  }

  plug(chip) {
    this.chip = chip;
  }

  /** The chip begins anew, and so does the twin. */
  reset() {
    this.lines = new Map(); // conn -> line
    this.forget();
  }

  line(conn, socket) {
    const line = { conn, socket, pending: true, takes: () => true };
    const gone = () => this.lines.get(conn) !== line;
    line.send = (data) => {
      for (let at = 0; at < data.length && !gone(); at += SEGMENT) {
        this.say({ kind: 'NetTx', conn, data: data.subarray(at, at + SEGMENT) });
      }
    };
    // the twin knows no half of a connection
    line.end = () => line.abort();
    line.abort = () => {
      if (!gone()) {
        this.lines.delete(conn);
        this.say({ kind: 'NetClose', conn });
      }
    };
    this.lines.set(conn, line);
    return line;
  }

  open(socket, to, port) {
    let conn = 0;
    while (this.lines.has(conn)) {
      conn += 1;
    }
    if (conn >= CONNECTIONS) {
      return null;
    }
    const line = this.line(conn, socket);
    this.say({ kind: 'NetOpen', conn, port });
    return line;
  }

  settle() {
    for (const line of this.lines.values()) {
      if (line.pending) {
        line.pending = false;
        line.socket.connected();
      }
    }
  }

  accept({ conn, port }) {
    const line = this.line(conn, null);
    line.pending = false;
    line.socket = this.chip.knock(port, { ip: '192.168.77.1', port: 40_000 + conn }, line);
    if (!line.socket) {
      line.abort();
    }
  }

  refused(conn) {
    const line = this.lines.get(conn);
    this.lines.delete(conn);
    line?.socket.broken();
  }

  received(conn, data) {
    this.lines.get(conn)?.socket.arrived(Uint8Array.from(data));
  }

  ended(conn) {
    this.lines.get(conn)?.socket.finished();
  }
}
