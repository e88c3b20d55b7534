// islet: a small network at the end of the emulated board's cable.
// GPL-3.0-or-later
//
// 192.168.77.0/24: a router that gives addresses (RFC 2131), names (RFC 1035) and the time
// (RFC 4330) answers here, at the network's pace and on the board's time, so that a run repeats.
// TCP ends elsewhere: `ends` has a line for each connection (loopback.mjs: real sockets).
//
// Messages of the chip's that are malformed throw. What the router answers can be made to lie:
// `lie(kind, bytes)` gives other bytes for those of kind 'dhcp', 'dns' or 'ntp', or null for none.

import { dhcpReply, readDhcp } from './lan_dhcp.mjs';

export const ROUTER = '192.168.77.1';
const NET = '192.168.77.';
const BROADCAST = '255.255.255.255';
const LEASED = `${NET}50`;
const TRIP_NANOS = 300e3;
const NTP_EPOCH_S = 2_208_988_800; // 1970 in seconds since 1900
export const MDNS = { ip: '224.0.0.251', port: 5353 };
const PORTS = { dns: 53, dhcp: 67, dhcpClient: 68, ntp: 123 };

const quad = (ip) => ip.split('.').map(Number);

export class Lan {
  /**
   * @param {{now: () => number, after: (nanos: number, act: () => void) => void}} time
   * @param {object} options `hosts` name -> address; `ends` where TCP connections end;
   *   `unixMs()` the time of day; `lease` {seconds, ...} what the router gives
   */
  constructor(time, { hosts = {}, ends = null, unixMs = () => 0, lease = {} } = {}) {
    this.time = time;
    this.hosts = hosts;
    this.ends = ends;
    this.unixMs = unixMs;
    this.lease = { seconds: 600, address: LEASED, router: ROUTER, dns: ROUTER, ...lease };
    this.lie = (kind, bytes) => bytes;
    this.silent = new Set(); // kinds that are not answered
    this.heard = []; // [kind, what] of each request, for tests
    this.group = []; // what the chip said to the hosts that answer for their own names
    this.replies = []; // [address, port, what] it said to one host from the group's port
    this.named = ''; // what who asked for an address calls itself
    this.chip = null;
  }

  plug(chip) {
    this.chip = chip;
    this.ends?.plug(chip);
  }

  /** Whether an address is resolved to somebody's: on the network, or behind the router. */
  reaches({ ip, mask, gateway }, to) {
    if (to === BROADCAST) {
      return true;
    }
    const [own, other] = [quad(ip), quad(to)];
    const near = mask.every((bits, i) => (own[i] & bits) === (other[i] & bits));
    const next = near ? to : gateway;
    return next === ROUTER || Object.values(this.hosts).includes(next);
  }

  /** A line to a host, null: nobody has the address. */
  connect(socket, to, port) {
    return this.reaches(this.chip.settings, to) ? this.ends?.open(socket, to, port) ?? null : null;
  }

  /** A datagram of the chip's. */
  datagram(from, to, data) {
    if (from.port === MDNS.port && to.ip !== MDNS.ip) {
      this.replies.push([to.ip, to.port, Uint8Array.from(data)]);
      return;
    }
    if (to.ip === MDNS.ip) {
      if (to.port !== MDNS.port || from.port !== MDNS.port || from.ttl !== 255) {
        throw new Error(`lan: mDNS from port ${from.port} to ${to.port}, TTL ${from.ttl}`);
      }
      this.group.push(Uint8Array.from(data));
      return;
    }
    if (to.ip !== ROUTER && to.ip !== BROADCAST) {
      return;
    }
    const kinds = { [PORTS.dhcp]: 'dhcp', [PORTS.dns]: 'dns', [PORTS.ntp]: 'ntp' };
    const kind = kinds[to.port];
    if (!kind || (to.ip === BROADCAST && kind !== 'dhcp')) {
      return;
    }
    const made = this[kind](data, from);
    if (made && !this.silent.has(kind)) {
      const bytes = this.lie(kind, made);
      if (bytes) {
        this.time.after(TRIP_NANOS, () => {
          this.chip.datagram(from.port, { ip: ROUTER, port: to.port }, bytes);
        });
      }
    }
  }

  /** Another host speaks to that group. */
  say(data, from) {
    this.time.after(TRIP_NANOS, () => this.chip.datagram(MDNS.port, from, data, MDNS.ip));
  }

  // --- the router -----------------------------------------------------------------------------

  dhcp(data, from) {
    if (from.port !== PORTS.dhcpClient) {
      throw new Error(`lan: DHCP from port ${from.port}`);
    }
    const asked = readDhcp(data);
    this.heard.push(['dhcp', asked.type]);
    this.named = asked.name;
    return dhcpReply(asked, this.lease, ROUTER);
  }

  dns(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    if (data.length < 17 || view.getUint16(2) !== 0x0100 || view.getUint16(4) !== 1) {
      throw new Error('lan: DNS: not one question that asks for recursion');
    }
    const labels = [];
    let at = 12;
    while (data[at]) {
      labels.push(String.fromCharCode(...data.subarray(at + 1, at + 1 + data[at])));
      at += 1 + data[at];
    }
    const question = data.subarray(12, at + 5);
    if (view.getUint16(at + 1) !== 1 || view.getUint16(at + 3) !== 1 || at + 5 !== data.length) {
      throw new Error('lan: DNS: not a question for an address');
    }
    const name = labels.join('.');
    this.heard.push(['dns', name]);
    const found = this.hosts[name];
    const head = [data[0], data[1], 0x81, found ? 0x80 : 0x83, 0, 1, 0, found ? 1 : 0, 0, 0, 0, 0];
    const answer = found ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...quad(found)] : [];
    return Uint8Array.from([...head, ...question, ...answer]);
  }

  ntp(data) {
    const [leap, version, mode] = [data[0] >> 6, (data[0] >> 3) & 7, data[0] & 7];
    if (data.length !== 48 || mode !== 3 || version < 3) {
      throw new Error(`lan: NTP of ${data.length} bytes, leap ${leap}, mode ${mode}`);
    }
    this.heard.push(['ntp', '']);
    const ms = this.unixMs();
    const out = new Uint8Array(48);
    out.set([(version << 3) | 4, 2, 6, 0xec]);
    out.set(data.subarray(40, 48), 24);
    const view = new DataView(out.buffer);
    for (const at of [16, 32, 40]) {
      view.setUint32(at, Math.floor(ms / 1000) + NTP_EPOCH_S);
      view.setUint32(at + 4, Math.floor(((ms % 1000) / 1000) * 2 ** 32));
    }
    return out;
  }
}
