// islet: what a networked box has to stand: scenes of peers, one row each.
// GPL-3.0-or-later
//
// `begin` starts it and `end`, where there is one, makes all good again: from there until the page
// and the broker are back is the recovery. All of it beside a car that charges and a meter.

const PAGES = ['/', '/api/state'];
const MB = 1 << 20;

/**
 * A broker of that kind, and three clients without a pause. One that was there for so long before is
 * tried again after a second.
 */
const broker = (name, kind, there = true) => ({
  name,
  ms: 12_000,
  settleMs: 11_000,
  begin: ({ peers }) => {
    peers.become(kind, there);
    peers.browse(3, PAGES);
  },
  end: ({ peers }) => peers.become('good'),
});

const clients = (count, path) => ({
  name: `${count} ${path}`, ms: 6_000, begin: ({ peers }) => peers.browse(count, [path]),
});

/** Other bytes of a message at some places. */
const changed = (bytes, ...rows) => {
  const out = Uint8Array.from(bytes);
  rows.forEach(([at, byte]) => {
    out[at] = byte;
  });
  return out;
};

// options of DHCP begin at 240: kind (3 bytes), server (6), lease (6), mask (6), router, names
const DHCP_LIES = [
  (bytes) => changed(bytes, [4, bytes[4] ^ 1]), // of another question
  (bytes) => changed(bytes, [28, bytes[28] ^ 4]), // for somebody else
  (bytes) => changed(bytes, [242, 6]), // a refusal
  (bytes) => changed(bytes, [248, 99]), // of another server
  (bytes) => changed(bytes, [251, 0], [252, 0], [253, 0], [254, 1]), // for a second
  (bytes) => changed(bytes, [257, 0], [258, 0]), // a network of all
  (bytes) => changed(bytes, [16, 127]), // an address nobody can have
  (bytes) => changed(bytes, [241, 255]), // an option beyond the end
  (bytes) => bytes.subarray(0, 243),
];

// the head has 12 bytes, then come question and answer
const DNS_LIES = [
  (bytes) => changed(bytes, [0, bytes[0] ^ 1]), // of another question
  (bytes) => changed(bytes, [12, 0]), // a name of no length
  (bytes) => changed(bytes, [7, 255]), // more answers than there are
  (bytes) => changed(bytes, [bytes.length - 16, 0xc0], [bytes.length - 15, bytes.length - 16]),
  (bytes) => changed(bytes, [bytes.length - 4, 127]), // an address of the asker's own
  (bytes) => bytes.subarray(0, 14),
  (bytes) => changed(bytes, [3, 3]), // there is no such name
];

/** What the router says is one lie after the other. */
const lies = (lan, of, told) => {
  let turn = 0;
  lan.lie = (kind, bytes) => {
    if (kind !== of) {
      return bytes;
    }
    turn += 1;
    return told[turn % told.length](bytes);
  };
};

const truth = (lan) => {
  lan.lie = (_, bytes) => bytes;
};

export const SCENES = [
  { name: 'nothing', ms: 10_000, begin: () => {} },
  ...['/', '/api/state'].flatMap((path) => [1, 2, 3, 8].map((count) => clients(count, path))),
  broker('broker lost', 'good', false),
  broker('broker refuses', 'refused'),
  broker('broker half open', 'silent'),
  broker('broker slow', 'slow'),
  broker('broker floods', 'flood'),
  { name: '20 browsers', ms: 12_000, begin: ({ peers }) => peers.browse(20, PAGES), end: () => {} },
  { name: 'slow-loris', ms: 15_000, begin: ({ peers }) => peers.drip(6), end: () => {} },
  { name: 'bodies of 1 MB', ms: 12_000, begin: ({ peers }) => peers.heap(4, MB), end: () => {} },
  {
    name: 'cable out and in',
    ms: 6_000,
    begin: ({ chip, peers }) => {
      peers.browse(3, PAGES);
      chip.plug(false);
    },
    end: ({ chip, peers }) => {
      peers.heardMs = null;
      chip.plug(true);
    },
  },
  {
    name: 'DHCP lies',
    ms: 30_000,
    begin: ({ chip, lan, peers }) => {
      peers.browse(3, PAGES);
      chip.conflict(); // somebody else has its address: it asks for another
      lies(lan, 'dhcp', DHCP_LIES);
    },
    end: ({ lan, peers }) => {
      truth(lan);
      peers.heardMs = null;
    },
  },
  {
    name: 'DNS lies',
    ms: 20_000,
    settleMs: 11_000,
    begin: ({ lan, peers }) => {
      peers.browse(3, PAGES);
      peers.become('refused');
      lies(lan, 'dns', DNS_LIES);
    },
    end: ({ lan, peers }) => {
      truth(lan);
      peers.become('good');
    },
  },
];
