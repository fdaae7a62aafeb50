// How good it is: errors of the forecasts that were issued, beside both seasonal naives.

import { addressOf } from "../base/address.js";
import { isOfSum, loadScores, measureOf, NAIVES, PERIODS, periodOf, range } from "./accuracy-data.js";
import { chart } from "../parts/chart.js";
import { card, figure, segments } from "../parts/controls.js";
import { h } from "../base/dom.js";
import { known, number, percent, plural } from "../base/format.js";
import { subject } from "../parts/subject.js";
import { barCell, table } from "../parts/table.js";
import { dayName, moment, seconds, toField } from "../base/time.js";

const HEIGHT = 260;
const TARGET = 0.8; // of the interval from `lower` to `upper`
const WORST = 10;

export function accuracyView({ go }) {
  let shown = null;
  let charts = [];
  const head = subject((changes) => go(changes));
  const period = segments("Period", PERIODS, choosePeriod);
  const start = h("input", { class: "field", type: "date", "aria-label": "From", onchange: chooseDays });
  const end = h("input", { class: "field", type: "date", "aria-label": "To", onchange: chooseDays });
  const dates = h("span", { class: "control" }, start, "–", end);
  const measure = segments("Measure", [["mape", "MAPE"], ["wape", "WAPE"]], (value) => go({ measure: value === "wape" ? value : undefined }));
  const of = segments("Errors of", [["series", "Each series"], ["sum", "The sum"]], (value) => go({ of: value === "sum" ? value : undefined }));
  const figures = [figure("Error"), figure("Yesterday's values"), figure("Last week's values"), figure("80 % interval")];
  const explained = h("p", { class: "note" });
  const hosts = {};
  const host = (name) => { hosts[name] = h("div", {}, h("div", { class: "ghost", style: `height: ${HEIGHT + 28}px` })); return hosts[name]; };
  const worst = h("div", {}, h("div", { class: "ghost", style: "height: 360px" }));
  const worstCard = card("Where it is worst", { lead: "Series with the largest error in the period. A link shows the forecast." }, worst);

  const element = [
    head.element,
    h("div", { class: "tools" }, period.element, dates, measure.element, of.element),
    h("section", { class: "figures", "aria-label": "In short" }, figures.map((one) => one.element)),
    explained,
    h("div", { class: "halves" },
      card("Error by hours ahead", { lead: "The further ahead, the harder." }, host("horizon")),
      card("Error by day", { lead: "Days are local days of the data set." }, host("day")),
    ),
    h("div", { class: "halves uneven" },
      card("80 % interval by day", { lead: "How often the consumption was inside. The target is 80 %." }, host("coverage")),
      worstCard),
  ];

  function choosePeriod(value) {
    if (value !== "custom") return go({ period: value === "7" ? undefined : value, start: undefined, end: undefined });
    const { start: from, end: to } = range(shown.state, shown.scores.meta.origin);
    return go({ period: undefined, start: toField(seconds(from)).slice(0, 10), end: toField(seconds(to) - 3600).slice(0, 10) });
  }

  function chooseDays() {
    if (start.value && end.value) go({ start: start.value, end: end.value });
  }

  async function update(state, catalogue, signal, origin) {
    head.set(catalogue, state, "\u00a0");
    period.set(periodOf(state));
    measure.set(measureOf(state));
    of.set(isOfSum(state) ? "sum" : "series");
    of.element.hidden = Boolean(state.area && state.consumer_type);
    dates.hidden = periodOf(state) !== "custom";
    const scores = await loadScores(state, origin, signal);
    shown = { state, scores };
    draw(catalogue);
    return scores.meta;
  }

  function draw(catalogue) {
    const { state, scores } = shown;
    const { meta, total } = scores;
    const key = measureOf(state);
    start.value = toField(seconds(meta.start)).slice(0, 10);
    end.value = toField(seconds(meta.end) - 3600).slice(0, 10);
    head.set(catalogue, state, `${moment(seconds(meta.start))} to ${moment(seconds(meta.end))} · ${plural(meta.scored_hours, "hour")} scored`);
    drawFigures(figures, total ?? {}, key);
    explained.textContent = explanation(state, key, meta);
    charts.forEach((one) => one.destroy());
    charts = [
      errorChart(hosts.horizon, "Error by hours ahead.", scores.horizons, key, scores.horizons.map((row) => row.horizon), {
        xTicks: () => [1, 6, 12, 18, 24], xText: (hours) => `${hours} h`, xName: (hours) => `${plural(hours, "hour")} ahead`,
      }),
      errorChart(hosts.day, "Error by day.", scores.days, key, scores.days.map(noonOf), dayAxis(scores.days), true),
      coverageChart(hosts.coverage, scores.days),
    ].filter(Boolean);
    worstCard.hidden = !scores.series.length;
    worst.replaceChildren(worstTable(scores.series, key, catalogue, state));
  }

  return { element, update, redraw: (catalogue) => shown && draw(catalogue), destroy: () => charts.forEach((one) => one.destroy()) };
}

function explanation(state, key, meta) {
  if (!meta.scored_hours) return "No forecast of this period has been scored yet. Scores come when the consumption has been measured.";
  const what = key === "mape"
    ? "MAPE is the mean error as a share of the consumption; every series counts the same."
    : "WAPE is the sum of all errors as a share of the whole consumption; large series count more.";
  const naive = "For comparison: what if one simply took the values of the same hour yesterday, or last week?";
  return `${what} ${naive}${isOfSum(state) ? " A sum has no coverage." : ""}`;
}

function drawFigures([error, yesterday, lastWeek, coverage], total, key) {
  error.set(percent(total[key], 2), [key.toUpperCase(), h("br"), total.forecasts ? `of ${plural(total.forecasts, "forecast value")}` : "Not scored yet"],
    "Error of the forecast");
  [yesterday, lastWeek].forEach((one, place) => {
    const naive = total[`${key}_${NAIVES[place].key}`];
    one.set(percent(naive, 2), known(naive) && known(total[key]) ? comparison(total[key], naive) : "Not known", `Error of ${NAIVES[place].name.toLowerCase()}`);
  });
  coverage.set(percent(total.coverage, 1), known(total.coverage) ? ["of the consumption was inside.", h("br"), "The target is 80 %."] : "Not known for sums", "80 % interval");
}

function comparison(error, naive) {
  const less = 1 - error / naive;
  return ["The forecast is off by", h("br"), h("b", { class: less >= 0 ? "good" : "bad" }, `${percent(Math.abs(less), 0)} ${less >= 0 ? "less" : "more"}`)];
}

function errorChart(host, label, rows, key, xs, axis, points = false) {
  if (!rows.some((row) => known(row[key]))) return nothing(host);
  return chart(host, {
    label, height: HEIGHT, xs, ...axis, fromZero: true, home: xs.length - 1,
    lines: [
      ...NAIVES.map((naive) => ({ name: naive.name, values: rows.map((row) => row[`${key}_${naive.key}`]), colour: naive.colour, dash: naive.dash, width: 1.8, points })),
      { name: "Forecast", values: rows.map((row) => row[key]), colour: "forecast", width: 2.5, points },
    ],
    yText: (value, short) => percent(value, short ? 0 : 2),
  });
}

function coverageChart(host, days) {
  if (!days.some((row) => known(row.coverage))) return nothing(host);
  return chart(host, {
    label: "Share of the consumption inside the 80 % interval, by day.", height: HEIGHT, xs: days.map(noonOf), ...dayAxis(days), home: days.length - 1,
    lines: [{ name: "Inside the interval", values: days.map((row) => row.coverage), colour: "forecast", width: 2.5, points: true }],
    levels: [{ value: TARGET, colour: "earlier", dash: [6, 4] }, { value: 1, colour: "grid" }],
    yText: (value, short) => (value > 1 ? "" : percent(value, short ? 0 : 1)),
  });
}

function nothing(host) {
  host.replaceChildren(h("p", { class: "note empty", style: `min-height: ${HEIGHT + 28}px` }, "Nothing has been scored in this period."));
  return null;
}

const noonOf = (row) => seconds(`${row.day}T12:00:00Z`);

function dayAxis(rows) {
  const xs = rows.map(noonOf);
  const name = (time) => dayName(time, "UTC");
  return {
    xTicks: (width) => xs.filter((_, place) => place % Math.max(1, Math.ceil((xs.length * 84) / width)) === 0),
    xText: (time) => name(time).replace(/^\w+ /, ""), xName: name,
  };
}

function worstTable(rows, key, catalogue, state) {
  const worst = rows.filter((row) => known(row[key])).sort((one, other) => other[key] - one[key]).slice(0, WORST);
  const largest = worst[0]?.[key] || 1;
  const link = (row) => addressOf({ view: "forecast", zone: state.zone, area: row.area, consumer_type: row.consumer_type });
  return table("Series with the largest error", [
    { name: "Series", wrap: true, text: (row) => [h("a", { href: link(row), "data-view": true }, `${row.area} · ${row.consumer_type}`), h("small", {}, catalogue.names.consumer_type.get(row.consumer_type) ?? "")] },
    { name: "Error", text: (row) => barCell(row[key] / largest, percent(row[key], 1)) },
    { name: "Yesterday's", text: (row) => percent(row[`${key}_seasonal_naive_24`], 1) },
    { name: "Last week's", text: (row) => percent(row[`${key}_seasonal_naive_168`], 1) },
    { name: "Inside 80 %", text: (row) => (known(row.coverage) ? `${number(row.coverage * 100)} %` : "–") },
  ], worst);
}
