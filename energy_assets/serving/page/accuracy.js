// How good the forecasts were, beside two simple rules that need no model.

import { addressOf, change, read } from "./address.js";
import { ask } from "./api.js";
import { chart, legend } from "./chart.js";
import { choice, element, field } from "./dom.js";
import { chosenSeries } from "./forecast.js";
import { count, energy, percent } from "./format.js";
import { optionFor, optionsOf, picker } from "./picker.js";
import { table } from "./table.js";

const DAY = 86400e3;
const METHODS = [
  ["mape", "Forecast", "forecast"],
  ["mape_seasonal_naive_24", "Same hour yesterday", "naive"],
  ["mape_seasonal_naive_168", "Same hour last week", "naive-week"],
];

/** All series one by one, unless the address names a sum. */
function chosen(state) {
  return state.sum || state.area || state.consumer_type ? chosenSeries(state) : {};
}

function period(state, origin) {
  const end = state.end ?? new Date(origin + 3600e3).toISOString();
  const start = state.start ?? new Date(Date.parse(end) - Number(state.period ?? 7) * DAY).toISOString();
  return { start, end };
}

/** Draw the view. `series` are the rows of /v1/series, `meta` what is said about the newest forecast. */
export async function draw(main, { series, meta, clock, signal }) {
  const state = read();
  const question = { ...chosen(state), ...period(state, Date.parse(meta.origin)), layout: "columns" };
  const [total, horizons, byDay, worst] = await Promise.all([
    ask("monitoring", question, { signal }),
    ask("monitoring", { ...question, by: "horizon" }, { signal }),
    ask("monitoring", { ...question, by: "day" }, { signal }),
    ask("monitoring", { ...question, by: "series", layout: "rows", sum: undefined, area: state.area, consumer_type: state.consumer_type }, { signal }),
  ]);
  const everySeries = { label: `Each of ${series.length} series`, detail: "mean of their errors", choice: {}, text: "each series mean" };
  const options = [everySeries, ...optionsOf(series)];
  const option = optionFor(options, chosen(state));
  main.replaceChildren(
    element("h1", {}, "How good is it"),
    controls(state, options, option, question),
    ...(total.meta.scored_hours ? [
      headline(total),
      byHorizon(horizons.data),
      overTime(byDay.data),
      ranking(worst.data, series),
    ] : [element("p", { className: "empty" }, "Nothing was scored in this time: forecasts are scored when the observations arrive. Choose a longer period.")]),
  );
  return total.meta;
}

function controls(state, options, option, { start, end }) {
  const dates = state.start || state.end;
  const day = (label, name, value) => field(label, element("input", {
    type: "date", value: value.slice(0, 10), id: name,
    onchange: (event) => event.target.value && change({ period: undefined, start, end, [name]: `${event.target.value}T00:00:00Z` }),
  }));
  return element("form", { className: "controls", onsubmit: (event) => event.preventDefault() },
    picker(options, option, ({ choice: series }) => change({ sum: undefined, area: undefined, consumer_type: undefined, ...series })),
    element("div", { className: "field" }, element("span", {}, "Period"),
      choice("Period", [[1, "Day"], [7, "Week"], [30, "30 days"]], dates ? null : Number(state.period ?? 7),
        (value) => change({ period: value, start: undefined, end: undefined }))),
    day("From", "start", start), day("To", "end", end));
}

function headline({ data, meta }) {
  const card = (title, figure, text) => element("div", { className: "card" }, element("h2", {}, title), element("p", { className: "figure" }, figure), element("p", {}, text));
  const better = (naive) => (data.mape[0] === null || !naive ? "" : `${percent(Math.abs(1 - data.mape[0] / naive), 0)} ${data.mape[0] <= naive ? "less" : "more"} than `);
  return element("section", { className: "cards", "aria-label": "In short" },
    card("Mean error (MAPE)", percent(data.mape[0]), `${better(data.mape_seasonal_naive_24[0])}yesterday's value (${percent(data.mape_seasonal_naive_24[0])}); ${better(data.mape_seasonal_naive_168[0])}last week's (${percent(data.mape_seasonal_naive_168[0])})`),
    card("Error of the volume (WAPE)", percent(data.wape[0]), `${energy(data.mae[0])} in a mean hour`),
    card("Inside the 80 % interval", percent(data.coverage[0], 0), data.coverage[0] === null ? "is not scored for sums" : `aim: 80 %; ${count(data.forecasts[0], "forecast")} of ${count(meta.scored_hours, "hour")}`));
}

const lines = (data) => METHODS.map(([column, label, colour]) => ({ label, colour, values: data[column], width: column === "mape" ? 2.5 : 1.5, dash: column === "mape" ? undefined : [5, 4] }));
const zeroBased = (_, __, high) => [0, (high ?? 0.1) * 1.1];

function byHorizon(data) {
  return element("section", {},
    element("h2", {}, "Error by hours ahead"), legend(lines(data)),
    chart({ title: "Mean absolute percentage error by hours ahead", summary: `From ${percent(data.mape[0])} one hour ahead to ${percent(data.mape.at(-1))} a day ahead.`, x: data.horizon, lines: lines(data), format: (value) => percent(value), range: zeroBased, height: 260 }));
}

function overTime(data) {
  const days = data.day;
  if (days.length < 2) return "";
  const clock = { exact: (time) => new Date(time).toUTCString().slice(0, 11), hour: () => "00:00", day: (time) => new Date(time).toUTCString().slice(5, 11), zone: "UTC" };
  const x = days.map((day) => Date.parse(day) / 1000);
  return element("section", {},
    element("h2", {}, "Error by day"), legend(lines(data)),
    chart({ title: "Mean absolute percentage error by day", summary: `${days.length} days.`, x, time: clock, lines: lines(data).map((line) => ({ ...line, points: true })), format: (value) => percent(value), range: zeroBased, height: 220 }),
    data.coverage.some((value) => value !== null) ? [
      element("h2", {}, "Observations inside the 80 % interval"),
      chart({ title: "Coverage by day", summary: "The aim is 80 %.", x, time: clock, lines: [{ label: "Coverage", values: data.coverage, colour: "forecast", points: true }], marks: [{ y: 0.8, label: "aim", colour: "muted" }], format: (value) => percent(value, 0), range: () => [0, 1], height: 160 }),
    ] : "");
}

function bar(share, text) {
  const length = element("i");
  length.style.width = `${Math.max(1, 80 * share)}px`;
  return element("span", { className: "bar" }, length, text);
}

function ranking(rows, series) {
  const names = new Map(series.map((row) => [`${row.area} ${row.consumer_type}`, row.consumer_type_name]));
  const worst = rows.filter((row) => row.mape !== null).sort((one, other) => other.mape - one.mape).slice(0, 15);
  const largest = worst[0]?.mape || 1;
  return element("section", {}, element("h2", {}, "Worst series"),
    table("The series with the largest errors", [
      { title: "Series", value: (row) => element("a", { href: addressOf({ view: "forecast", area: row.area, consumer_type: row.consumer_type }), "data-inside": "" }, `${row.area} · ${row.consumer_type} ${names.get(`${row.area} ${row.consumer_type}`) ?? ""}`) },
      { title: "MAPE", value: (row) => bar(row.mape / largest, percent(row.mape)), className: "number" },
      { title: "Yesterday's", value: (row) => percent(row.mape_seasonal_naive_24), className: "number" },
      { title: "Last week's", value: (row) => percent(row.mape_seasonal_naive_168), className: "number" },
      { title: "Inside 80 %", value: (row) => percent(row.coverage, 0), className: "number" },
      { title: "Mean error", value: (row) => energy(row.mae), className: "number" },
    ], worst));
}
