// islet: a script behind two pipes, for a test in Python (tests_host/told.py).
// GPL-3.0-or-later
//
// A line of JSON each way: [what, ...given] -> what came of it. An error ends it with its words.

import fs from 'node:fs';

export function told(acts) {
  let rest = '';
  const chunk = Buffer.alloc(65_536);
  for (;;) {
    const count = fs.readSync(0, chunk);
    if (!count) break;
    rest += chunk.toString('utf8', 0, count);
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const [what, ...given] = JSON.parse(rest.slice(0, end));
      rest = rest.slice(end + 1);
      fs.writeSync(1, `${JSON.stringify(acts[what](...given) ?? null)}\n`);
    }
  }
}
