// Notices above every view, in words that need no knowledge of the system.

import { notice } from "./controls.js";
import { clock } from "../base/time.js";

export class Banners {
  constructor(host) {
    this.host = host;
    this.messages = [];
    this.lostSince = null;
    this.passing = null;
    this.said = "";
  }

  // What /v1/status says; failing that, what every answer says about its source.
  setMessages(messages) {
    this.messages = messages;
    this.draw();
  }

  // The service does not answer (since a time, in seconds), or does again (null).
  setLost(since) {
    if ((this.lostSince === null) === (since === null)) return;
    this.lostSince = since;
    this.draw();
  }

  // Something good to know for a while.
  pass(text, milliseconds = 20_000) {
    clearTimeout(this.timer);
    this.passing = text;
    this.timer = setTimeout(() => { this.passing = null; this.draw(); }, milliseconds);
    this.draw();
  }

  draw() {
    const lost = this.lostSince === null ? [] : [{ level: "error", text: `The service has not answered since ${clock(this.lostSince)}. These are the last numbers it gave; the page tries again by itself.` }];
    const passing = this.passing ? [{ level: "info", text: this.passing }] : [];
    const all = [...lost, ...passing, ...this.messages];
    const said = JSON.stringify(all);
    if (said === this.said) return; // a screen reader would read them anew
    this.said = said;
    this.host.replaceChildren(...all.map(({ level, text }) => notice(level, text)));
  }
}
