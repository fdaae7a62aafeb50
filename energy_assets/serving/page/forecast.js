// The forecast of a series or a sum: for planners, and for operators who watch a limit.

import { change, read } from "./address.js";
import { ask, question } from "./api.js";
import { chart, legend } from "./chart.js";
import { choice, element, field } from "./dom.js";
import { energy, number, probability, unitFor } from "./format.js";
import { optionFor, optionsOf, picker } from "./picker.js";
import { table } from "./table.js";

const QUANTILES = [0.01, 0.1, 0.25, 0.75, 0.9, 0.99];
const HOUR = 3600e3;

/** What the address asks for, as parameters of the API. */
function parameters(state) {
  return {
    ...chosenSeries(state),
    origin: state.origin,
    history: 24 * days(state),
    quantiles: QUANTILES.join(","),
    threshold: state.limit,
    naives: state.naives ? "true" : undefined,
  };
}

/** The series or sum of the address; everything, if it names none. */
export function chosenSeries({ sum, area, consumer_type }) {
  return sum || area || consumer_type ? { sum, area, consumer_type } : { sum: "total" };
}

const days = (state) => [1, 3, 7, 14].find((one) => one === Number(state.days)) ?? 3;

/** Draw the view. `series` are the rows of /v1/series. */
export async function draw(main, { series, clock, signal }) {
  const state = read();
  const [answer, compared] = await Promise.all([
    ask("forecasts", { ...parameters(state), layout: "columns" }, { signal }),
    state.compare && ask("forecasts", { ...chosenSeries(state), origin: state.compare, layout: "columns" }, { signal }),
  ]);
  const view = prepare(answer, compared);
  const options = optionsOf(series);
  const option = optionFor(options, chosenSeries(state));
  main.replaceChildren(
    element("h1", {}, option?.label ?? "Forecast"),
    controls(state, options, option, view, clock),
    headline(view, state, clock),
    picture(view, state, clock),
    state.limit ? crossing(view, state, clock) : "",
    numbers(view, state, clock),
  );
  return answer.meta;
}

/** The columns of an answer with times in milliseconds, and the compared forecast beside them. */
function prepare({ meta, data }, compared) {
  const times = data.datetime_utc.map(Date.parse);
  const place = new Map(times.map((time, index) => [time, index]));
  const other = times.map(() => null);
  compared?.data.datetime_utc.forEach((time, index) => {
    const at = place.get(Date.parse(time));
    if (at !== undefined) other[at] = compared.data.energy_consumption[index];
  });
  const largest = Math.max(0, ...[data.energy_consumption, data.upper, data.observed].flat().filter(Number.isFinite));
  const first = data.energy_consumption.findIndex((value) => value !== null);
  return { meta, data, times, other, compared: compared?.meta, unit: unitFor(largest), first, origin: Date.parse(meta.origin) };
}

function controls(state, options, option, view, clock) {
  const limit = element("input", {
    type: "number", inputMode: "decimal", min: 0, step: "any", id: "limit",
    value: state.limit ? Number(state.limit) / view.unit.size : "",
    placeholder: "none",
    onchange: (event) => change({ limit: event.target.value === "" ? undefined : Number(event.target.value) * view.unit.size }),
  });
  const earlier = element("select", {
    id: "compare",
    onchange: (event) => change({ compare: event.target.value }),
  }, element("option", { value: "" }, "nothing"),
  [1, 2, 3, 6, 12, 18, 24].map((hours) => {
    const origin = new Date(view.origin - hours * HOUR).toISOString().replace(".000", "");
    return element("option", { value: origin, selected: origin === state.compare }, `${hours} h earlier (${clock.full(view.origin - hours * HOUR)})`);
  }));
  if (state.compare && !earlier.value) {
    earlier.append(element("option", { value: state.compare, selected: true }, clock.full(Date.parse(state.compare))));
  }
  return element("form", { className: "controls", onsubmit: (event) => event.preventDefault() },
    picker(options, option, ({ choice: chosen }) => change({ sum: undefined, area: undefined, consumer_type: undefined, limit: undefined, ...chosen })),
    element("div", { className: "field" }, element("span", {}, "Past days"),
      choice("Past days", [[1, "1"], [3, "3"], [7, "7"], [14, "14"]], days(state), (value) => change({ days: value }))),
    field("Compare with", earlier),
    field(`Limit (${view.unit.name})`, limit),
    element("label", { className: "check" },
      element("input", { type: "checkbox", id: "naives", checked: Boolean(state.naives), onchange: (event) => change({ naives: event.target.checked ? "1" : undefined }) }),
      "Yesterday and last week"),
  );
}

function headline({ data, times, first, unit, meta }, state, clock) {
  const { energy_consumption: values, lower, upper } = data;
  const ahead = values.map((_, index) => index).slice(first);
  const peak = ahead.reduce((best, index) => (values[index] > values[best] ? index : best), first);
  const total = ahead.reduce((sum, index) => sum + values[index], 0);
  const card = (title, figure, text) => element("div", { className: "card" }, element("h2", {}, title), element("p", { className: "figure" }, figure), element("p", {}, text));
  const range = (index) => `80 % between ${number(lower[index], unit)} and ${number(upper[index], unit)} ${unit.name}`;
  return element("section", { className: "cards", "aria-label": "In short" },
    card("Next hour", energy(values[first]), `${clock.hour(times[first])}; ${range(first)}`),
    card("Peak in 24 hours", energy(values[peak]), `${clock.full(times[peak])}; ${range(peak)}`),
    card("Total of 24 hours", energy(total), `known up to ${clock.full(Date.parse(meta.origin))}`));
}

function picture(view, state, clock) {
  const { data, times, other, unit, origin } = view;
  const inUnit = (values) => values.map((value) => (value === null || value === undefined ? null : value / unit.size));
  const band = (upper, lower, fill) => ({ upper: inUnit(data[upper]), lower: inUnit(data[lower]), fill });
  const lines = [
    { label: "Forecast", values: inUnit(data.energy_consumption), colour: "forecast", width: 2.5 },
    { label: "Observed", values: inUnit(data.observed), colour: "observed" },
  ];
  if (state.naives) {
    lines.push({ label: "Yesterday", values: inUnit(data.seasonal_naive_24), colour: "naive", width: 1.5, dash: [2, 3] });
    lines.push({ label: "Last week", values: inUnit(data.seasonal_naive_168), colour: "naive-week", width: 1.5, dash: [6, 4] });
  }
  if (view.compared) lines.push({ label: "Earlier forecast", values: inUnit(other), colour: "earlier", dash: [7, 4] });
  const marks = [{ x: origin / 1000, label: "known up to here", colour: "muted" }];
  if (state.limit) marks.push({ y: Number(state.limit) / unit.size, label: `limit ${energy(Number(state.limit))}`, colour: "limit" });
  const format = (value) => number(value * unit.size, unit);
  const limit = state.limit ? Number(state.limit) / unit.size : null;
  const figure = chart({
    title: `Consumption in ${unit.name} by hour`,
    summary: `Forecast for the ${times.length - view.first} hours after ${clock.full(origin)}, with what was observed before.`,
    x: times.map((time) => time / 1000), time: clock, format, sync: "forecast", height: 360,
    bands: [band("q0.99", "q0.01", "band-98"), band("q0.9", "q0.1", "band-80"), band("q0.75", "q0.25", "band-50")],
    lines, marks,
    columns: [{ label: "80 % from", values: inUnit(data.lower) }, { label: "to", values: inUnit(data.upper) }],
    range: (_, low, high) => {
      const [bottom, top] = [Math.min(low, limit ?? low), Math.max(high, limit ?? high)];
      const space = (top - bottom) * 0.08 || 1;
      return [Math.max(0, bottom - space), top + space];
    },
  });
  return element("section", { "aria-label": "Chart" },
    element("h2", { className: "unseen" }, "Chart"),
    legend([
      ...lines, { label: "50 %", colour: "band-50", band: true }, { label: "80 %", colour: "band-80", band: true },
      { label: "98 % of outcomes", colour: "band-98", band: true }]),
    figure, element("p", { className: "unit" }, `${unit.name} in the hour; times in ${clock.zone}`));
}

/** How likely it is that a limit is crossed, hour by hour. */
function crossing({ data, times, first }, state, clock) {
  const risks = data.probability_above.slice(first), hours = times.slice(first);
  const worst = risks.reduce((best, risk, index) => (risk > risks[best] ? index : best), 0);
  const most = risks[worst] <= 0.01
    ? `It is very unlikely to go above ${energy(Number(state.limit))} in any hour.`
    : `Most likely at ${clock.full(hours[worst])}: ${probability(risks[worst])}.`;
  return element("section", { className: "crossing" },
    element("h2", {}, `How likely is it above ${energy(Number(state.limit))}?`),
    element("p", { id: "crossing" }, most),
    chart({
      title: "Probability of crossing the limit by hour", summary: most, height: 150,
      x: hours.map((time) => time / 1000), time: clock,
      lines: [{ label: "Probability", values: risks, colour: "limit", bars: true, width: 0 }],
      format: (value) => probability(value), range: () => [0, 1],
    }));
}

function numbers(view, state, clock) {
  const { data, times, other, unit, first } = view;
  const rows = times.map((time, index) => ({ time, index })).slice(Math.max(0, first - 6));
  const value = (values) => ({ index }) => number(values[index], unit);
  const columns = [
    { title: `Time (${clock.zone})`, value: ({ time }) => clock.exact(time) },
    { title: "UTC", value: ({ time }) => new Date(time).toISOString().slice(5, 16).replace("T", " ") },
    { title: "Observed", value: value(data.observed), className: "number" },
    { title: "Forecast", value: value(data.energy_consumption), className: "number strong" },
    { title: "80 % from", value: value(data.lower), className: "number" },
    { title: "to", value: value(data.upper), className: "number" },
  ];
  if (state.limit) columns.push({ title: "Above limit", value: ({ index }) => probability(data.probability_above[index]), className: "number" });
  if (view.compared) {
    columns.push({ title: "Earlier", value: value(other), className: "number" });
    columns.push({ title: "Change", value: ({ index }) => (other[index] === null || data.energy_consumption[index] === null ? "–" : signed(data.energy_consumption[index] - other[index], unit)), className: "number" });
  }
  const csv = question("forecasts", { ...parameters(state), local_time: "true", format: "csv" });
  return element("section", {},
    element("div", { className: "heading" },
      element("h2", {}, `The numbers (${unit.name})`),
      element("a", { className: "button", href: csv, download: "forecast.csv", id: "csv" }, "CSV"),
      element("button", { type: "button", onclick: (event) => copy(event.target) }, "Copy link")),
    table("Observations and forecast by hour", columns, rows));
}

const signed = (value, unit) => (value > 0 ? "+" : "") + number(value, unit);

async function copy(button) {
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
}
