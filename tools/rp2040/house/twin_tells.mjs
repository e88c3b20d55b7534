// islet: what the twin says of connections, for whoever stands for the board's network.
// GPL-3.0-or-later
//
// Its answer comes before the stretch of time that it is about, and tells again what data is on its
// way then. What a connection's end does is up to who extends this: received(conn, data), ended(conn),
// refused(conn) and accept(item).

export class TwinTells {
  constructor() {
    this.forget();
  }

  /** The chip begins anew, and so does the twin. */
  forget() {
    this.coming = new Map(); // conn -> chunks on their way
    this.closing = new Set(); // closed by the other side, data still on its way
  }

  /** An answer of the twin. */
  renew(items, agenda) {
    this.coming.clear();
    for (const item of items) {
      this.told(item, agenda);
    }
    this.settle();
    this.close();
  }

  /** Before anything comes or ends: who was not refused is connected. */
  settle() {}

  told(item, agenda) {
    const { kind, conn } = item;
    switch (kind) {
      case 'NetRx':
        this.coming.set(conn, (this.coming.get(conn) ?? 0) + 1);
        agenda.add(item.tUs * 1000, () => this.arrived(item));
        break;
      case 'NetClosed': this.closing.add(conn); break;
      case 'NetRefused': this.refused(conn); break;
      case 'NetAccept': this.accept(item); break;
      default:
    }
  }

  arrived({ conn, data }) {
    this.coming.set(conn, this.coming.get(conn) - 1);
    if (data.length) {
      this.received(conn, data);
    }
    this.close();
  }

  /** The end of a connection comes after all its data. */
  close() {
    for (const conn of this.closing) {
      if (!this.coming.get(conn)) {
        this.closing.delete(conn);
        this.ended(conn);
      }
    }
  }
}
