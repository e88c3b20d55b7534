// islet: TCP connections of the emulated board that end in the simulated house, on its time.
// GPL-3.0-or-later
//
// By the link's items NetOpen, NetTx, NetClose and NetRx, NetClosed, NetRefused, NetAccept: what
// the twin's broker says repeats to the byte.

const CONNECTIONS = 128; // ours are below, those the twin opens from here on
const SEGMENT = 1400;

export class TwinEnds {
  /** @param {(item: object) => void} say an item for the link */
  constructor(say) {
    this.say = say;
    this.reset();
  }

  plug(chip) {
    this.chip = chip;
  }

  /** The chip begins anew, and so does the twin. */
  reset() {
    this.lines = new Map(); // conn -> line
    this.coming = new Map(); // conn -> chunks on their way
    this.closing = new Set(); // closed by the other side, data still on its way
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

  /** An answer of the twin: it tells again what data is on its way. */
  renew(items, agenda) {
    this.coming.clear();
    for (const item of items) {
      this.told(item, agenda);
    }
    for (const line of this.lines.values()) {
      if (line.pending) {
        line.pending = false;
        line.socket.connected();
      }
    }
    this.close();
  }

  told(item, agenda) {
    const line = this.lines.get(item.conn);
    switch (item.kind) {
      case 'NetRx':
        this.coming.set(item.conn, (this.coming.get(item.conn) ?? 0) + 1);
        agenda.add(item.tUs * 1000, () => this.arrived(item));
        break;
      case 'NetClosed':
        this.closing.add(item.conn);
        break;
      case 'NetRefused':
        this.lines.delete(item.conn);
        line?.socket.broken();
        break;
      case 'NetAccept':
        this.accept(item);
        break;
      default:
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

  arrived({ conn, data }) {
    this.coming.set(conn, this.coming.get(conn) - 1);
    if (data.length) {
      this.lines.get(conn)?.socket.arrived(Uint8Array.from(data));
    }
    this.close();
  }

  /** The end of a connection comes after all its data. */
  close() {
    for (const conn of this.closing) {
      if (!this.coming.get(conn)) {
        this.closing.delete(conn);
        this.lines.get(conn)?.socket.finished();
      }
    }
  }
}
