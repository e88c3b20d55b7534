// islet: the console's text as lines, whatever pieces it comes in.
// GPL-3.0-or-later

const LONGEST = 1000; // a line without an end is told in parts of so many characters

/** Collects bytes of the console; `tell(line)` for each whole line that is not empty. */
export class Lines {
  constructor(tell) {
    this.tell = tell;
    this.decoder = new TextDecoder('utf-8', { fatal: false });
    this.rest = '';
  }

  add(bytes) {
    this.rest += this.decoder.decode(bytes, { stream: true });
    const lines = this.rest.split(/\r\n|\n|\r/);
    this.rest = lines.pop();
    if (this.rest.length > LONGEST) {
      lines.push(this.rest);
      this.rest = '';
    }
    for (const line of lines) {
      if (line.trim()) {
        this.tell(line.trimEnd());
      }
    }
  }
}
