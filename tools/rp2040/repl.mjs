// islet: MicroPython's raw REPL over the emulated console.
// GPL-3.0-or-later

const BANNER = 'raw REPL; CTRL-B to exit\r\n>';
const CTRL_A = '\x01';
const CTRL_C = '\x03';
const CTRL_D = '\x04';

/** Speaks with the REPL while it runs the chip. */
export class RawRepl {
  constructor(pico) {
    this.pico = pico;
    this.text = '';
    this.raw = false;
    this.wanted = null;
    this.lastNanos = 0; // how long the last code ran, its output included
    pico.onConsole((text) => {
      if (this.raw || this.wanted !== null) {
        this.text += text;
        if (this.wanted !== null && this.text.includes(this.wanted)) {
          pico.stop();
        }
      }
    });
    pico.onReset(() => {
      this.raw = false;
    });
  }

  /** Run until `text` has come; what came up to its end. */
  waitFor(text, ms) {
    const end = this.pico.nanos + ms * 1e6;
    this.wanted = text;
    while (!this.text.includes(text) && this.pico.nanos < end) {
      this.pico.runUntil(end);
    }
    this.wanted = null;
    const at = this.text.indexOf(text);
    if (at < 0) {
      const tail = JSON.stringify(this.text.slice(-400));
      const wanted = JSON.stringify(text);
      throw new Error(`the console did not say ${wanted} in ${ms} ms; it said ${tail}`);
    }
    const taken = this.text.slice(0, at + text.length);
    this.text = this.text.slice(at + text.length);
    return taken;
  }

  /** Stop whatever runs and go into the raw REPL. */
  enter() {
    const { pico } = this;
    pico.waitForConsole();
    this.wanted = BANNER;
    this.text = '';
    pico.type(`\r${CTRL_C}${CTRL_C}`);
    pico.run(20);
    this.text = '';
    pico.type(`\r${CTRL_A}`);
    this.waitFor(BANNER, 3000);
    this.text = '';
    this.raw = true;
  }

  exec(code, ms) {
    if (!code) {
      throw new Error('exec: no code; an empty submission would be a soft reset');
    }
    if (!this.raw) {
      this.enter();
    }
    this.text = '';
    this.pico.type(code + CTRL_D);
    this.waitFor('OK', ms);
    const start = this.pico.nanos;
    const output = this.waitFor(CTRL_D, ms).slice(0, -1);
    this.lastNanos = this.pico.nanos - start;
    const trouble = this.waitFor(CTRL_D, ms).slice(0, -1);
    this.waitFor('>', ms);
    if (trouble) {
      throw new Error(`on the chip: ${trouble.trim()}`);
    }
    return output.replaceAll('\r\n', '\n');
  }
}
