// islet: the messages of DHCP, as the router of the small network reads and makes them.
// GPL-3.0-or-later
//
// RFC 2131 (figure 1, section 4.3) and RFC 2132 (options 1, 3, 6, 12, 50 to 54, 58, 59, 61). A request that is
// malformed throws: it is islet's.

const MAGIC = [99, 130, 83, 99];
const HEAD = 240; // with the magic cookie
const LEAST = 300; // what an old relay or server expects (RFC 1542 2.1)
const ETHERNET = 1; // a kind of hardware
const HOST_NAME = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/i; // RFC 1123 2.1
export const TYPE = { DISCOVER: 1, OFFER: 2, REQUEST: 3, DECLINE: 4, ACK: 5, NAK: 6, RELEASE: 7 };

const quad = (ip) => ip.split('.').map(Number);
const long = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function refuse(text) {
  throw new Error(`lan: DHCP: ${text}`);
}

/** What a client's message says. */
export function readDhcp(data) {
  if (data.length < LEAST || MAGIC.some((byte, i) => data[236 + i] !== byte)) {
    refuse(`${data.length} bytes, or no cookie`);
  }
  if (data[0] !== 1 || data[1] !== 1 || data[2] !== 6) {
    refuse('no request from an Ethernet');
  }
  const options = new Map();
  let at = HEAD;
  while (data[at] !== 255) {
    if (at >= data.length) {
      refuse('no end of the options');
    }
    if (data[at] === 0) {
      at += 1;
      continue;
    }
    options.set(data[at], data.subarray(at + 2, at + 2 + data[at + 1]));
    at += 2 + data[at + 1];
  }
  const ip = (code) => options.get(code)?.join('.') ?? null;
  const type = options.get(53)?.[0];
  const asked = {
    type, xid: data.slice(4, 8), broadcast: (data[10] & 0x80) !== 0, mac: data.slice(28, 34),
    ciaddr: data.slice(12, 16).join('.'), wanted: ip(50), server: ip(54),
    name: String.fromCharCode(...options.get(12) ?? []),
  };
  const fresh = asked.ciaddr === '0.0.0.0';
  if (type === TYPE.REQUEST && fresh && !asked.wanted) {
    refuse('a request for no address');
  }
  if (type === TYPE.REQUEST && !fresh && (asked.wanted || asked.server)) {
    refuse('a renewal that names an address or a server (4.3.2)');
  }
  if (asked.mac.every((byte) => byte === 0) || asked.mac[0] & 1) {
    refuse(`hardware address ${asked.mac}`);
  }
  if (!HOST_NAME.test(asked.name)) {
    refuse(`host name "${asked.name}"`);
  }
  const client = options.get(61);
  if (client && client.join() !== [ETHERNET, ...asked.mac].join()) {
    refuse(`client identifier ${client}`);
  }
  return asked;
}

/** What the router answers, null: nothing. */
export function dhcpReply(asked, lease, server) {
  const { type, ciaddr, wanted } = asked;
  if (type === TYPE.DISCOVER) {
    return message(TYPE.OFFER, asked, lease, server);
  }
  if (type !== TYPE.REQUEST || (asked.server && asked.server !== server)) {
    return null;
  }
  const good = (wanted ?? ciaddr) === lease.address && !lease.refuses;
  return message(good ? TYPE.ACK : TYPE.NAK, asked, lease, server);
}

function message(type, asked, lease, server) {
  const out = new Uint8Array(LEAST);
  out.set([2, 1, 6, 0]);
  out.set(asked.xid, 4);
  out[10] = asked.broadcast ? 0x80 : 0;
  out.set(asked.mac, 28);
  out.set(MAGIC, 236);
  const options = [53, 1, type, 54, 4, ...quad(server)];
  if (type !== TYPE.NAK) {
    out.set(quad(lease.address), 16);
    options.push(51, 4, ...long(lease.seconds), 1, 4, 255, 255, 255, 0);
    options.push(3, 4, ...quad(lease.router), 6, 4, ...quad(lease.dns));
  }
  out.set([...options, 255], HEAD);
  return out;
}
