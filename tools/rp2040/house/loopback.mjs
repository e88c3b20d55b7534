// islet: real sockets of this computer at the ends of the emulated board's TCP connections.
// GPL-3.0-or-later
//
// The emulator runs without letting Node's event loop turn, so the sockets live in a worker
// (loopback_worker.mjs). What it has to say is taken in poll(), between stretches of the board's
// time; from there on it is on that time. How long a peer takes is real, so such a run does not
// repeat to the byte. Nothing but 127.0.0.1 is bound or reached.

import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

const MOST_WAITING = 64 * 1024; // bytes a peer has not taken: the window is closed

/** A connection, as a socket of the chip sees it. */
class Line {
  constructor(ends, id) {
    this.ends = ends;
    this.id = id;
    this.socket = null;
    this.unsent = 0; // bytes the worker has not given to the system
    this.paused = false;
  }

  takes() {
    return this.unsent < MOST_WAITING;
  }

  send(data) {
    this.unsent += data.length;
    this.ends.tell({ kind: 'data', id: this.id, data });
  }

  end() {
    this.ends.tell({ kind: 'end', id: this.id });
  }

  abort() {
    this.ends.tell({ kind: 'abort', id: this.id });
    this.ends.lines.delete(this.id);
  }
}

export class Loopback {
  /**
   * @param {object} ports
   *   `listen`: a port of the chip's -> one here, 0: any that is free (`listens`); `otherwise`: a
   *   port of the chip's for who finds nobody at his; `reach`: "address:port" -> one here
   */
  constructor({ listen = {}, otherwise = 0, reach = {} }) {
    this.listen = listen;
    this.otherwise = otherwise;
    this.reach = reach;
    this.listens = {}; // a port of the chip's -> one here, once it does
    this.lines = new Map();
    this.next = 1; // ours are odd, the worker's even
    this.refused = 0; // connections that found no socket listening
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.worker = new Worker(new URL('./loopback_worker.mjs', import.meta.url), {
      workerData: { port: port2, listen }, transferList: [port2],
    });
    this.worker.unref();
    this.port.unref();
  }

  plug(chip) {
    this.chip = chip;
  }

  tell(message) {
    this.port.postMessage(message);
  }

  /** A connection of the chip's: one nobody is mapped to is refused. */
  open(socket, to, port) {
    const line = new Line(this, this.next);
    this.next += 2;
    line.socket = socket;
    this.lines.set(line.id, line);
    this.tell({ kind: 'open', id: line.id, port: this.reach[`${to}:${port}`] ?? 0 });
    return line;
  }

  /** Take what has come meanwhile. */
  poll() {
    for (let got = receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port)) {
      this.take(got.message);
    }
    for (const line of this.lines.values()) {
      const full = line.socket?.full ?? false;
      if (full !== line.paused) {
        line.paused = full;
        this.tell({ kind: full ? 'pause' : 'resume', id: line.id });
      }
    }
  }

  take({ kind, id, port, ours, from, data, bytes }) {
    if (kind === 'listens') {
      this.listens[port] = ours;
      return;
    }
    if (kind === 'knock') {
      this.knock(id, port, from);
      return;
    }
    if (kind === 'failed') {
      throw new Error(`loopback: ${data}`);
    }
    const line = this.lines.get(id);
    if (!line) {
      return; // closed by the chip meanwhile
    }
    const { socket } = line;
    switch (kind) {
      case 'open': socket.connected(); break;
      case 'data': socket.arrived(data); break;
      case 'end': socket.finished(); break;
      case 'gone': this.lines.delete(id); socket.broken(); break;
      case 'closed': this.lines.delete(id); break;
      case 'taken': line.unsent -= bytes; break;
      default: throw new Error(`loopback: ${kind}`);
    }
  }

  knock(id, port, from) {
    const line = new Line(this, id);
    this.lines.set(id, line);
    const remote = { ip: '192.168.77.1', port: from };
    line.socket = this.chip.knock(port, remote, line)
      ?? (this.otherwise ? this.chip.knock(this.otherwise, remote, line) : null);
    if (!line.socket) {
      this.refused += 1;
      line.abort();
    }
  }

  close() {
    this.port.close();
    return this.worker.terminate();
  }
}
