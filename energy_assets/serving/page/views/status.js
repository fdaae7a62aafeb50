// Is it well: the newest forecast, what it was made with, what is missing, and the model in force.

import { ask } from "../base/api.js";
import { card } from "../parts/controls.js";
import { h } from "../base/dom.js";
import { known, number, percent, plural } from "../base/format.js";
import { table } from "../parts/table.js";
import { moment, seconds, withYear } from "../base/time.js";

// The fallback ladder, best first: what may have made a forecast.
const LADDER = [
  ["model", "The newest model", "As it should be: the model in force forecasts from the newest measurements."],
  ["without_weather", "The newest model, without the weather", "The weather ahead was not known. Maybe a little less accurate."],
  ["previous_model", "An earlier model", "The newest model could not be used. Maybe a little less accurate."],
  ["baseline", "Last week's values", "No model could be used. Less accurate than usual."],
  ["carried_over", "The forecast before, carried on", "The newest measurements could not be read. Less accurate than usual."],
];

const SCORES = [["mape", "MAPE"], ["mape_median", "MAPE of the median series"], ["wape", "WAPE"], ["rmspe", "RMSPE"], ["mase", "MASE"]];

export function statusView() {
  let shown = null;
  const parts = ["verdict", "forecast", "ladder", "open", "model", "configuration"];
  const hosts = Object.fromEntries(parts.map((name) => [name, h("div", {}, h("div", { class: "ghost", style: `height: ${name === "verdict" ? 48 : 180}px` }))]));
  const element = [
    hosts.verdict,
    h("div", { class: "halves" },
      h("div", { class: "stack" },
        card("Newest forecast", {}, hosts.forecast),
        card("Missing and being caught up", {}, hosts.open),
        card("Configuration of the model", { lead: "What tuning found best." }, hosts.configuration)),
      h("div", { class: "stack" },
        card("What made it", { lead: "If something fails, the next way down makes the forecast, so that there always is one." }, hosts.ladder),
        card("Model in force", {}, hosts.model))),
  ];

  async function update(state, catalogue, signal) {
    const [status, model] = await Promise.all([ask("/v1/status", {}, signal), ask("/v1/model", {}, signal)]);
    shown = { status: status.data, model: model.data };
    draw();
    return status.meta;
  }

  function draw() {
    const { status, model } = shown;
    hosts.verdict.replaceChildren(verdict(status));
    hosts.forecast.replaceChildren(forecastFacts(status));
    hosts.ladder.replaceChildren(ladder(status.forecast.quality));
    hosts.open.replaceChildren(...missing(status));
    hosts.model.replaceChildren(...modelFacts(model));
    hosts.configuration.replaceChildren(...configuration(model.configuration));
  }

  return { element, update, redraw: () => shown && draw(), destroy: () => {} };
}

const at = (iso) => (iso ? moment(seconds(iso)) : "–");
const facts = (list) => h("dl", { class: "facts" }, list.filter(Boolean).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

const wideFacts = (list) => h("dl", { class: "facts wide" }, list.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

function verdict(status) {
  const troubles = status.messages.filter((message) => message.level !== "info");
  const level = troubles.some((message) => message.level === "error") ? "error" : troubles.length ? "warning" : status.being_caught_up.length ? "caught-up" : "good";
  const [title, text] = {
    good: ["All is well", "The newest forecast is there, was made by the newest model, and nothing is missing."],
    "caught-up": ["The forecast is well", "A few older things are being caught up. They do not touch the newest forecast."],
    warning: ["Something needs a look", "The numbers can be used, with the notices above in mind."],
    error: ["Something is wrong", "Read the notices above before using the numbers."],
  }[level];
  return h("div", { class: "verdict" }, h("span", { class: `dot ${level}`, "aria-hidden": "true" }), h("div", { class: "head-words" }, h("h1", {}, title), h("p", { class: "note" }, text)));
}

function forecastFacts({ forecast, newest_hour: newest, newest_observation: observed, now }) {
  const late = forecast.late_minutes;
  const lateness = late <= 0 ? "On time" : `${duration(late)} after it was due${forecast.late ? "" : ", which is in time"}`;
  return facts([
    ["Forecast of", at(forecast.origin)],
    ["Made at", at(forecast.made_at)],
    ["Was due at", at(forecast.due)],
    ["Lateness", h("span", { class: forecast.late ? "bad" : null }, lateness)],
    ["Behind", h("span", { class: forecast.behind_hours ? "bad" : null }, forecast.behind_hours ? plural(forecast.behind_hours, "hour") : "Not at all")],
    ["Newest hour", at(newest)],
    ["Newest measurement", at(observed)],
    ["Asked at", at(now)],
  ]);
}

function duration(minutes) {
  if (minutes < 1) return "Less than a minute";
  if (minutes < 120) return plural(Math.round(minutes), "minute");
  return plural(Math.round(minutes / 60), "hour");
}

function ladder(quality) {
  return h("ol", { class: "ladder" }, LADDER.map(([name, title, text], place) =>
    h("li", { class: place ? "lower" : null, "aria-current": name === quality ? "true" : null },
      h("span", { class: "step", "aria-hidden": "true" }, place + 1),
      h("span", {}, h("b", {}, title, name === quality ? " – in use" : ""), text))));
}

function missing(status) {
  const several = (hours) => (hours.length > 6 ? `${hours.slice(0, 6).map(at).join("; ")} and ${hours.length - 6} more` : hours.map(at).join("; "));
  const gaps = status.gaps.map((gap) => {
    const hours = Math.round((seconds(gap.end) - seconds(gap.start)) / 3600);
    return hours === 1 ? at(gap.start) : `${at(gap.start)} to ${at(gap.end)} (${plural(hours, "hour")})`;
  });
  return [
    facts([
      ["Being caught up", status.being_caught_up.length ? h("ul", { class: "list" }, status.being_caught_up.map((text) => h("li", {}, text))) : "Nothing"],
      ["Hours without a forecast", status.missing_forecasts.length ? several(status.missing_forecasts) : "None"],
      ["Not published yet", status.unpublished ? at(status.unpublished) : "None"],
      ["Gaps in the measurements", gaps.length ? h("ul", { class: "list" }, gaps.slice(0, 8).map((text) => h("li", {}, text)), gaps.length > 8 ? h("li", {}, `and ${gaps.length - 8} more`) : null) : "None"],
    ]),
  ];
}

function modelFacts(model) {
  if (!model.version) return [h("p", { class: "note" }, "No model is in force. Forecasts repeat last week's values until one has been trained and was better than that.")];
  const scores = SCORES.filter(([name]) => known(model.metrics[name]));
  const text = (name) => (row) => score(row[0], model.metrics[`${row[0]}${name}`]);
  return [
    facts([
      ["Version", model.version],
      ["In force since", `${withYear(seconds(model.promoted_since))}, ${at(model.promoted_since).split(", ")[1]}`],
      ["Trained up to", at(model.hour)],
      known(model.metrics.coverage) && ["80 % interval", `held ${percent(model.metrics.coverage)} in the test`],
    ]),
    scores.length ? h("div", { style: "margin-top: 14px" }, table("Scores of the model in its test", [
      { name: "Error in the test", text: (row) => row[1] },
      { name: "Model", text: (row) => h("b", {}, text("")(row)) },
      { name: "Yesterday's", text: text("_seasonal_naive_24") },
      { name: "Last week's", text: text("_seasonal_naive_168") },
    ], scores)) : null,
  ].filter(Boolean);
}

function score(name, value) {
  if (!known(value)) return "–";
  return name === "mase" ? number(value, 2) : percent(value, 2);
}

function configuration(found) {
  if (!found) return [h("p", { class: "note" }, "Nothing has been tuned yet. The model uses its default configuration.")];
  return [wideFacts([
    ["Tuned at", at(found.hour)],
    known(found.score) && [`Score (${(found.metric ?? "error").toUpperCase()})`, percent(found.score, 2)],
    ...Object.entries(found.parameters).map(([name, value]) => [name.replaceAll("_", " "), String(value)]),
  ])];
}
