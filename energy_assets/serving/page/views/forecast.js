// The forecast view: what will be consumed, how sure that is, and what may cross a limit.

import { download, hasKey } from "../base/api.js";
import { chart } from "../parts/chart.js";
import { card, checkBox, figure, notice, segments } from "../parts/controls.js";
import { compareControl, earlierCard } from "./compare.js";
import { announce, h } from "../base/dom.js";
import { csvAddress, DAYS, daysOf, extreme, loadEarlier, loadForecast } from "./forecast-data.js";
import { chance, digitsFor, energy, exact, known, signed, percent, unitFor, UNITS, number } from "../base/format.js";
import { limitCard, limitControl } from "./limit.js";
import { subject } from "../parts/subject.js";
import { table } from "../parts/table.js";
import { clock, iso, moment, near, seconds, zoneShown } from "../base/time.js";
import { hourName, timeAxis } from "../parts/timeaxis.js";

const HEIGHT = 340;

export function forecastView({ go, now }) {
  let shown = null;
  let drawn = null;
  const head = subject((changes) => go(changes));
  const figures = {
    first: figure("Next hour"), peak: figure("Peak in the next 24 hours"),
    low: figure("Lowest in the next 24 hours"), total: figure("Total of the next 24 hours"),
  };
  const days = segments("Days of observations", DAYS.map((count) => [count, count === "1" ? "1 day" : `${count} days`]), (count) => go({ days: count }));
  const naives = checkBox("Seasonal naives", (checked) => go({ naives: checked ? "1" : undefined }));
  const limit = limitControl(go);
  const compare = compareControl(go);
  const copied = h("button", { class: "button", type: "button", onclick: copyLink }, "Copy link");
  const csv = h("a", { class: "button", href: "/v1/forecasts", onclick: saveCsv, download: "forecast.csv" }, "CSV");
  const note = h("div", {});
  const plot = h("div", { class: "plot-host" }, h("div", { class: "ghost", style: `height: ${HEIGHT + 28}px` }));
  const limits = h("div", {});
  const differences = h("div", {});
  const numbers = h("div", { class: "ghost", style: "height: 420px" });

  const element = [
    head.element, note,
    h("section", { class: "figures", "aria-label": "In short" }, Object.values(figures).map((one) => one.element)),
    card("Consumption and forecast", { tools: [copied, csv] },
      h("div", { class: "tools chart-tools" }, days.element, limit.element, compare.element, naives.element), plot),
    limits, differences,
    card("The numbers", {}, numbers),
  ];

  async function update(state, catalogue, signal) {
    head.set(catalogue, state, "\u00a0");
    days.set(String(daysOf(state)));
    naives.input.checked = Boolean(state.naives);
    csv.href = csvAddress(state);
    const forecast = await loadForecast(state, signal);
    const earlier = await loadEarlier(state, forecast.meta.origin, signal);
    shown = { state, forecast, earlier };
    draw(catalogue);
    return forecast.meta;
  }

  function draw(catalogue) {
    const { state, forecast, earlier } = shown;
    const { columns, ahead, meta } = forecast;
    const origin = seconds(meta.origin);
    const all = [...columns.energy_consumption, ...columns.observed];
    const unit = unitFor(all);
    const view = { ...shown, unit, digits: digitsFor(all, unit), origin, go, name: (time) => hourName(time, forecast.hours) };
    head.set(catalogue, state, `${catalogue.size(state)} · made ${near(seconds(meta.made_at), now())} · last measured hour: ${near(origin, now())}`);
    note.replaceChildren(...(state.origin ? [earlierNotice(go)] : []));
    limit.set(view);
    compare.set(view);
    drawFigures(view, figures, now());
    drawn?.destroy();
    drawn = chart(plot, chartSpec(view, catalogue.title(state)));
    limits.replaceChildren(...[limitCard(view)].filter(Boolean));
    differences.replaceChildren(...[earlierCard(view)].filter(Boolean));
    numbers.className = "";
    numbers.removeAttribute("style");
    numbers.replaceChildren(numbersTable(view, ahead), h("p", { class: "table-note" },
      `Each row is an hour and gives its start. Energies in ${unit}. The 80 % and 98 % intervals hold the consumption in so many of 100 cases.`));
  }

  async function copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      copied.textContent = "Copied";
      announce("The link was copied.");
    } catch {
      window.prompt("The address of this view:", location.href);
    }
    setTimeout(() => { copied.textContent = "Copy link"; }, 2000);
  }

  function saveCsv(event) {
    if (!hasKey()) return;
    event.preventDefault();
    download(csv.href, "forecast.csv").catch((error) => announce(error.message));
  }

  return { element, update, redraw: (catalogue) => shown && draw(catalogue), destroy: () => drawn?.destroy() };
}

function earlierNotice(go) {
  return notice("info", "This is an earlier forecast, as it was issued. ",
    h("button", { class: "button quiet", type: "button", onclick: () => go({ origin: undefined }) }, "Show the newest"));
}

function drawFigures(view, figures, now) {
  const { columns, ahead, hours, first } = view.forecast;
  const values = columns.energy_consumption;
  const range = (index) => ["80 % sure: ", h("b", {}, between(columns.lower[index], columns.upper[index]))];
  const span = (index) => `${near(hours[index], now)}–${clock(hours[index] + 3600)}`;
  const show = (one, index) => {
    if (index === -1) one.set("–", "Not known");
    else one.set(energy(values[index]), [span(index), h("br"), ...range(index)]);
  };
  show(figures.first, first);
  show(figures.peak, extreme(values, ahead));
  show(figures.low, extreme(values, ahead, (one, other) => one < other));
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  const total = sum(ahead.map((index) => values[index]));
  const before = columns.observed.slice(Math.max(first - 24, 0), first);
  const complete = before.length === 24 && before.every(known);
  figures.total.set(energy(total), complete
    ? ["The 24 hours before: ", energy(sum(before)), h("br"), h("b", {}, change(total, sum(before)))]
    : ["The 24 hours before are", h("br"), "not all measured"]);
}

function between(low, high) {
  const unit = unitFor([high]);
  const digits = digitsFor([high], unit);
  return known(low) && known(high) ? `${number(low / UNITS[unit], digits)}–${energy(high, unit, digits)}` : "–";
}

function change(value, before) {
  const share = (value - before) / before;
  return `${percent(Math.abs(share))} ${share < 0 ? "less" : "more"}`;
}

function chartSpec(view, title) {
  const { forecast: { hours, columns, first }, earlier, state, unit, digits, origin, go } = view;
  const start = first - 1; // the last hour known, from which the forecast is drawn on
  const from = columns.observed[start] ?? null;
  const joined = (values) => values.map((value, index) => (index === start ? from : value));
  const width = (low, high) => (index) => (known(columns[low][index]) ? between(columns[low][index], columns[high][index]) : "–");
  const onlyAhead = (values) => values.map((value, index) => (index >= first ? value : null));
  const band = (name, lower, upper, tone) => ({ name, lower: joined(columns[lower]), upper: joined(columns[upper]), colour: tone, text: width(lower, upper) });
  const lines = [{ name: "Forecast", values: columns.energy_consumption, drawn: joined(columns.energy_consumption), colour: "forecast", width: 2.5 }];
  if (state.naives) {
    lines.unshift(
      { name: "Same hour yesterday", values: onlyAhead(columns.seasonal_naive_24), colour: "naive-24", dash: [5, 4], width: 1.5 },
      { name: "Same hour last week", values: onlyAhead(columns.seasonal_naive_168), colour: "naive-168", dash: [2, 3], width: 1.8 });
  }
  if (earlier?.values) {
    lines.push({ name: `Forecast of ${clock(earlier.origin)}`, values: hours.map((time) => earlier.values.get(time) ?? null), colour: "earlier", dash: [7, 4], width: 2 });
  }
  lines.push({ name: "Observed", values: columns.observed, colour: "observed", width: 1.8 });
  const peak = extreme(columns.energy_consumption, view.forecast.ahead);
  return {
    label: `${title}: consumption of ${daysOf(state)} days and the forecast of 24 hours. Peak ${energy(columns.energy_consumption[peak])} on ${moment(hours[peak])}.`,
    height: HEIGHT,
    xs: hours,
    ...timeAxis(hours),
    lines,
    bands: [band("98 %", "q0.01", "q0.99", "band-98"), band("80 %", "lower", "upper", "band-80"), band("50 %", "q0.25", "q0.75", "band-50")],
    marks: [{ x: origin, text: "measured" }],
    yText: (value, short) => (short ? number(value / UNITS[unit], Math.max(digits - 1, 0)) : energy(value, unit, digits)),
    home: first,
    limit: state.limit ? { value: Number(state.limit), text: (value) => `Limit ${exact(rounded(value), unit)}`, onMove: (value) => go({ limit: String(rounded(value)) }) } : null,
  };
}

// Four digits are enough for a limit that was dragged.
const rounded = (value) => Number(value.toPrecision(4));

function numbersTable(view, ahead) {
  const { forecast: { hours, columns }, earlier, state, unit, digits } = view;
  const amount = (name) => (index) => (known(columns[name][index]) ? number(columns[name][index] / UNITS[unit], digits) : "–");
  const observed = ahead.some((index) => known(columns.observed[index]));
  const local = zoneShown() !== "UTC";
  const list = [
    { name: local ? "Local time" : "Time (UTC)", text: (index) => view.name(hours[index]) },
    local && { name: "UTC", text: (index) => `${iso(hours[index]).slice(11, 16)}`, left: true },
    { name: "Forecast", text: (index) => h("b", {}, amount("energy_consumption")(index)) },
    { name: "80 % from", text: amount("lower") },
    { name: "to", text: amount("upper") },
    { name: "98 % from", text: amount("q0.01") },
    { name: "to", text: amount("q0.99") },
    observed && { name: "Observed", text: amount("observed") },
    state.naives && { name: "Yesterday", text: amount("seasonal_naive_24") },
    state.naives && { name: "Last week", text: amount("seasonal_naive_168") },
    earlier?.values && { name: `Forecast of ${clock(earlier.origin)}`, text: (index) => earlierText(earlier, hours[index], unit, digits) },
    earlier?.values && { name: "Change", text: (index) => changeText(columns.energy_consumption[index], earlier.values.get(hours[index]), unit, digits) },
    state.limit && { name: "Above the limit", text: (index) => chance(columns.probability_above[index]) },
  ];
  return table("The forecast hour by hour", list.filter(Boolean), ahead);
}

function earlierText(earlier, time, unit, digits) {
  const value = earlier.values.get(time);
  return known(value) ? number(value / UNITS[unit], digits) : "–";
}

function changeText(value, before, unit, digits) {
  return known(before) ? signed(value - before, unit, digits).replace(` ${unit}`, "") : "–";
}
