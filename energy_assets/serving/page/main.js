// The page: which view is shown, for which address, and when it is brought up to date.
//
// views/ has what is shown, parts/ what the views are made of, base/ what all of them use: the
// address, questions to the API, numbers and times. style/ has the colours first.

import { accuracyView } from "./views/accuracy.js";
import { addressOf, otherView, readAddress } from "./base/address.js";
import { ask, hasKey, Problem } from "./base/api.js";
import { Banners } from "./parts/banners.js";
import { segments } from "./parts/controls.js";
import { announce, h } from "./base/dom.js";
import { forecastView } from "./views/forecast.js";
import { failed, keyNeeded, nothingYet, unreachable } from "./views/states.js";
import { statusView } from "./views/status.js";
import { Catalogue } from "./parts/subject.js";
import { themeSwitch } from "./base/theme.js";
import { clock, moment, seconds, setZones, zoneLocal } from "./base/time.js";

const VIEWS = {
  forecast: ["Forecast", forecastView],
  accuracy: ["How good is it", accuracyView],
  status: ["Is it well", statusView],
};
const POLL = 5_000; // milliseconds between looks at /v1/last-updated
const STATUS_AGE = 60_000; // milliseconds after which the notices are asked for anew

const main = document.getElementById("main");
const banners = new Banners(document.getElementById("banners"));
const now = () => Math.floor(Date.now() / 1000);

let state = readAddress();
let view = null; // {name, element, update, redraw, destroy}
let catalogue = new Catalogue();
let published = null; // what /v1/last-updated said when the view was loaded
let nothing = false; // whether nothing has been published
let statusAt = 0;
let answeredAt = now();
let asking = null; // AbortController of the questions under way

const zone = segments("Times shown in", [["local", "Local"], ["utc", "UTC"]], (value) => {
  go({ zone: value === "utc" ? "utc" : "local" });
});

function go(changes) {
  state = { ...state, ...changes };
  history.pushState(null, "", addressOf(state));
  show();
}

function open(address) {
  history.pushState(null, "", address);
  state = readAddress();
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

// Show what the address says. What is shown stays until the new answer is there.
async function show() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  drawFrame();
  main.setAttribute("aria-busy", "true");
  try {
    await load(signal);
    banners.setLost(null);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    showProblem(error);
  }
  if (!signal.aborted) main.removeAttribute("aria-busy");
}

async function load(signal) {
  const newest = await lookUp(signal);
  const [series] = await Promise.all([
    newest.published_at === published?.published_at ? catalogue : Catalogue.load(),
    statusAt ? null : loadStatus(signal),
  ]);
  catalogue = series;
  setZones(zoneLocal(), state.zone === "utc");
  place(state.view);
  const meta = await view.update(state, catalogue, signal, newest.origin);
  if (signal.aborted) return;
  published = newest;
  answeredAt = now();
  drawFoot(meta);
  document.title = `${VIEWS[state.view][0]} – ${state.view === "status" ? "Consumption forecast" : catalogue.title(state)}`;
}

// The newest published forecast; without one, the service answers 503.
async function lookUp(signal) {
  try {
    const newest = await ask("/v1/last-updated", {}, signal);
    nothing = false;
    return newest;
  } catch (error) {
    nothing = error.status === 503;
    throw error;
  }
}

async function loadStatus(signal) {
  try {
    const { meta, data } = await ask("/v1/status", {}, signal);
    setZones(meta.timezone, state.zone === "utc");
    banners.setMessages(data.messages);
  } catch (error) {
    if (!(error instanceof Problem) || [0, 401].includes(error.status)) throw error;
    banners.setMessages([{ level: "warning", text: "It is not known how things stand: the status cannot be read." }]);
  }
  statusAt = Date.now();
}

function place(name) {
  if (view?.name === name) {
    if (!main.contains(view.element[0])) main.replaceChildren(...view.element);
    return;
  }
  view?.destroy();
  view = { name, ...VIEWS[name][1]({ go, now }) };
  main.replaceChildren(...view.element);
}

function showProblem(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    error = new Problem(500, "The page could not show this.");
  }
  const instead = (element) => { main.replaceChildren(element); };
  if (error.status === 401) instead(keyNeeded(hasKey(), show));
  else if (nothing) {
    published = null;
    instead(nothingYet(error.message));
  } else if (error.status === 0) {
    if (published) banners.setLost(answeredAt);
    else instead(unreachable());
  } else instead(failed(error, addressOf({ view: state.view, zone: state.zone })));
}

// Look whether there is a newer forecast, and bring the view up to date if there is.
async function poll() {
  if (document.hidden || main.hasAttribute("aria-busy") || main.querySelector("[data-state='key']")) return;
  try {
    const newest = await lookUp();
    const wasLost = banners.lostSince !== null;
    answeredAt = now();
    banners.setLost(null);
    const changed = newest.published_at !== published?.published_at;
    if (changed || wasLost || Date.now() - statusAt > STATUS_AGE) await loadStatus();
    const first = published === null;
    if (changed || main.querySelector("[data-state='broken']")) await show();
    if (first || !changed || main.querySelector("[data-state]")) return;
    const text = `A new forecast has arrived: it knows the consumption up to ${moment(seconds(newest.origin))}.`;
    banners.pass(text);
    announce(text);
  } catch (error) {
    if (error.name !== "AbortError") pollFailed(error);
  }
}

function pollFailed(error) {
  if (nothing && published === null) return; // still nothing there
  if (nothing || [0, 401].includes(error.status)) showProblem(error);
}

function drawFrame() {
  zone.set(state.zone);
  document.getElementById("views").replaceChildren(...Object.entries(VIEWS).map(([name, [text]]) =>
    h("a", { href: otherView(state, name), "data-view": true, "aria-current": name === state.view ? "page" : null }, text)));
}

function drawFoot(meta) {
  const zoneName = zoneLocal();
  document.getElementById("foot").replaceChildren(
    h("span", {}, `Data set ${meta.dataset}${meta.simulated ? " (simulated)" : ""}`),
    h("span", {}, `Model ${meta.model_version ?? "–"}`),
    h("span", {}, `Published ${moment(seconds(meta.published_at))}; the next forecast is expected about ${clock(seconds(meta.next_expected))}`),
    h("span", {}, state.zone === "utc" ? "Times are UTC" : `Times are local time (${zoneName})`),
    h("a", { href: "/v1/openapi.json" }, "API"));
}

// Links to views are followed without loading the page anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-view], a.brand");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  open(link.href);
});
window.addEventListener("popstate", () => {
  state = readAddress();
  show();
});
document.addEventListener("visibilitychange", poll);

document.getElementById("switches").append(zone.element, themeSwitch(() => view?.redraw(catalogue)));
show();
setInterval(poll, POLL);
