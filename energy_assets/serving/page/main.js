// The frame around the views: which one is shown, notices, and new forecasts while it is open.

import * as accuracy from "./accuracy.js";
import { change, onChange, read } from "./address.js";
import { ApiError, ask } from "./api.js";
import { announce, element } from "./dom.js";
import * as forecast from "./forecast.js";
import { clock } from "./format.js";
import * as status from "./status.js";

const VIEWS = { forecast, accuracy, status };
const TITLES = { forecast: "Forecast", accuracy: "How good is it", status: "Is it well" };
const POLL = 5000;

const main = document.getElementById("main");
let series, meta, drawing, published, failedSince;

const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode */ } };

/** Draw what the address asks for. With `quietly`, what is shown stays until the new is there. */
async function draw({ quietly = false } = {}) {
  const name = VIEWS[read().view] ? read().view : "forecast";
  document.title = `${TITLES[name]} - energy-assets`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  drawing?.abort();
  drawing = new AbortController();
  const { signal } = drawing;
  if (!quietly) main.setAttribute("aria-busy", "true");
  try {
    if (!series) {
      const answer = await ask("series", { }, { signal });
      series = answer.data;
      meta = answer.meta;
    }
    const zone = stored("zone") === "UTC" ? "UTC" : meta.timezone;
    const found = await VIEWS[name].draw(main, { series, meta, clock: clock(zone), signal });
    failedSince = undefined;
    provenance(found);
  } catch (error) {
    if (error.name === "AbortError") return;
    failed(error);
  } finally {
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
  notices();
}

function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  const tryAgain = element("button", { type: "button", onclick: () => draw() }, "Try again");
  if (error.status === 0 && main.querySelector("h1")) {
    // The last picture stays, and a banner says since when.
    failedSince ??= new Date();
    return;
  }
  const [title, text, action] = {
    503: ["No forecast yet", `${error.message}. This page looks again by itself.`, tryAgain],
    404: ["There is nothing here", error.message, element("button", { type: "button", onclick: () => change({ area: undefined, consumer_type: undefined, sum: undefined, origin: undefined, compare: undefined, start: undefined, end: undefined }) }, "Show everything")],
    0: ["The service does not answer", "Is `make serve` running? This page tries again by itself.", tryAgain],
  }[error.status] ?? ["That did not work", error.message, tryAgain];
  main.replaceChildren(element("section", { className: "empty" }, element("h1", {}, title), element("p", {}, text), action));
}

function provenance(found) {
  const zone = clock(stored("zone") === "UTC" ? "UTC" : found.timezone);
  document.getElementById("provenance").textContent =
    `${found.simulated ? "Simulated data" : found.source} · ${found.dataset} · forecast of ${zone.exact(Date.parse(found.origin))}, made ${zone.exact(Date.parse(found.made_at))}, ${found.model_version} (${found.quality})`;
}

/** What a reader has to know before the numbers. */
async function notices() {
  const area = document.getElementById("banners");
  const found = failedSince
    ? [{ level: "error", text: `The service has not answered since ${failedSince.toLocaleTimeString("en-GB")}. These are the last numbers.` }]
    : await ask("status").then(({ data }) => data.messages).catch(() => []);
  area.replaceChildren(...found.map(({ level, text }) => element("p", { className: `banner ${level}` }, text)));
}

/** Look for a newer forecast, and show it when it is there. */
async function poll() {
  if (!document.hidden) {
    try {
      const now = await ask("last-updated");
      const known = `${now.origin} ${now.made_at} ${now.published_at}`;
      const isNew = published !== undefined && published !== known;
      const wasDown = failedSince !== undefined || main.querySelector(".empty");
      published = known;
      if (isNew || wasDown) {
        if (isNew) series = undefined;
        await draw({ quietly: true });
        if (isNew) announce(`A new forecast has arrived, known up to ${now.origin.replace("T", " ").slice(0, 16)} UTC.`);
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 0) {
        failedSince ??= new Date();
        notices();
      }
    }
  }
  setTimeout(poll, POLL);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = name === "dark" ? "Light" : "Dark";
}

const system = matchMedia("(prefers-color-scheme: dark)");
theme(stored("theme") ?? (system.matches ? "dark" : "light"));
document.getElementById("theme").onclick = () => {
  const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  store("theme", name);
  theme(name);
  draw({ quietly: true });
};
const zoneButton = document.getElementById("zone");
zoneButton.setAttribute("aria-pressed", String(stored("zone") === "UTC"));
zoneButton.onclick = () => {
  const utc = stored("zone") !== "UTC";
  store("zone", utc ? "UTC" : "local");
  zoneButton.setAttribute("aria-pressed", String(utc));
  draw({ quietly: true });
};
// Links to other views change the address without loading the page again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("nav a, a[data-inside]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { view } = link.dataset;
  if (view) change({ view, origin: undefined, compare: undefined, start: undefined, end: undefined });
  else {
    history.pushState(null, "", link.href);
    dispatchEvent(new Event("addresschange"));
  }
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
onChange(() => draw());
draw().then(poll);
