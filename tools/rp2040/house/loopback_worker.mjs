// islet: the sockets of loopback.mjs, in a thread whose event loop turns.
// GPL-3.0-or-later

import net from 'node:net';
import { workerData } from 'node:worker_threads';

const { port, listen } = workerData;
const sockets = new Map();
const tell = (message, ...transfer) => port.postMessage(message, transfer);
let next = 2; // ours are even

function wire(id, socket) {
  sockets.set(id, socket);
  socket.setNoDelay(true);
  socket.on('data', (chunk) => tell({ kind: 'data', id, data: Uint8Array.from(chunk) }));
  socket.on('end', () => tell({ kind: 'end', id }));
  socket.on('error', () => {});
  socket.on('close', (broken) => {
    sockets.delete(id);
    tell({ kind: broken ? 'gone' : 'closed', id });
  });
}

for (const [chips, ours] of Object.entries(listen)) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const id = next;
    next += 2;
    wire(id, socket);
    tell({ kind: 'knock', id, port: Number(chips), from: socket.remotePort });
  });
  server.on('error', (error) => tell({ kind: 'failed', data: error.message }));
  server.listen(ours, '127.0.0.1', () => (
    tell({ kind: 'listens', port: Number(chips), ours: server.address().port })
  ));
}

function open(id, ours) {
  if (!ours) {
    tell({ kind: 'gone', id });
    return;
  }
  const socket = net.connect({ host: '127.0.0.1', port: ours, allowHalfOpen: true });
  socket.on('connect', () => tell({ kind: 'open', id }));
  wire(id, socket);
}

port.on('message', ({ kind, id, port: ours, data }) => {
  if (kind === 'open') {
    open(id, ours);
    return;
  }
  const socket = sockets.get(id);
  if (!socket) {
    return; // gone, and the chip has not heard of it yet
  }
  switch (kind) {
    case 'data': socket.write(data, () => tell({ kind: 'taken', id, bytes: data.length })); break;
    case 'end': socket.end(); break;
    case 'abort': socket.resetAndDestroy(); break;
    case 'pause': socket.pause(); break;
    case 'resume': socket.resume(); break;
    default:
  }
});
