// Whether the system is well: for engineers.

import { ask } from "./api.js";
import { element } from "./dom.js";
import { duration, percent } from "./format.js";
import { table } from "./table.js";

const RUNGS = {
  model: "the model of its own hour made it",
  previous_model: "an earlier model made it, because that of its hour could not be used",
  baseline: "it repeats last week's values, because no model could be used",
  carried_over: "it is the forecast before, carried on, because nothing newer could be read",
};
const ORDER = Object.keys(RUNGS);

/** Draw the view. */
export async function draw(main, { clock, signal }) {
  const [status, model] = await Promise.all([ask("status", {}, { signal }), ask("model", {}, { signal })]);
  const { forecast, gaps, missing_forecasts: missing, being_caught_up: caughtUp } = status.data;
  const time = (text) => (text ? clock.exact(Date.parse(text)) : "none");
  const well = !forecast.behind_hours && forecast.quality === "model" && !missing.length;
  const verdict = !well ? "Something needs a look; most of it mends itself."
    : gaps.length ? "The forecasts are as they should be. Some measurements are missing." : "Everything is as it should be.";
  main.replaceChildren(
    element("h1", {}, "Is it well"),
    element("p", { className: `verdict ${well ? "good" : "attention"}` }, verdict),
    element("section", { className: "cards" },
      card("Newest forecast", time(forecast.origin), `made ${time(forecast.made_at)}, ${duration(forecast.late_minutes)} after it was due${forecast.behind_hours ? `; ${forecast.behind_hours} h behind` : ""}`, forecast.behind_hours > 0 || forecast.late),
      card("How it was made", forecast.quality.replace("_", " "), `${RUNGS[forecast.quality] ?? ""}: step ${ORDER.indexOf(forecast.quality) + 1} of ${ORDER.length}`, forecast.quality !== "model"),
      card("Newest observation", time(status.data.newest_observation), `the newest hour there can be is ${time(status.data.newest_hour)}`),
      card("Being caught up", caughtUp.length ? `${caughtUp.length}` : "nothing", caughtUp.join("; ") || "no forecast and no measurement is missing", missing.length > 0)),
    element("section", {}, element("h2", {}, "Model in force"), modelTable(model.data, time)),
    gaps.length || missing.length ? element("section", {}, element("h2", {}, "What is missing"),
      table("Hours without data", [
        { title: "What", value: (row) => row.what }, { title: "From", value: (row) => time(row.start) },
        { title: "Until", value: (row) => time(row.end) }, { title: "Hours", value: (row) => row.hours, className: "number" },
      ], [
        ...missing.map((hour) => ({ what: "forecast", start: hour, end: hour, hours: 1 })),
        ...gaps.map(({ start, end }) => ({ what: "measurements", start, end, hours: (Date.parse(end) - Date.parse(start)) / 3600e3 })),
      ])) : "",
  );
  return status.meta;
}

function card(title, figure, text, attention) {
  return element("div", { className: `card${attention ? " attention" : ""}` }, element("h2", {}, title), element("p", { className: "figure small" }, figure), element("p", {}, text));
}

function modelTable(model, time) {
  if (!model.version) return element("p", { className: "empty" }, "No model may be used: the forecasts come from last week's values.");
  const score = (name) => (model.metrics[name] === undefined ? "–" : model.metrics[name].toFixed(3));
  const facts = [
    ["Version", model.version], ["In force since", time(model.promoted_since)],
    ["MAPE on days it had not seen", percent(model.metrics.mape)], ["MASE on these days", score("mase")],
    ["Configuration", model.configuration ? `tuned at ${time(model.configuration.hour)}, MAPE ${percent(model.configuration.score)}` : "the default one; nothing was tuned"],
    ...Object.entries(model.configuration?.parameters ?? {}).map(([name, value]) => [`  ${name}`, String(value)]),
  ];
  return table("The model in force", [{ title: "Fact", value: ([name]) => name }, { title: "Value", value: ([, value]) => value }], facts);
}
