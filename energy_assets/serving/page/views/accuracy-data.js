// What the accuracy view shows: scores of a period, asked for in four ways.

import { ask } from "../base/api.js";
import { selection } from "../base/address.js";
import { fromField, iso, seconds } from "../base/time.js";

export const PERIODS = [["1", "Last day"], ["7", "7 days"], ["30", "30 days"], ["custom", "From – to"]];

export const NAIVES = [
  { key: "seasonal_naive_24", name: "Yesterday's values", colour: "naive-24", dash: [5, 4] },
  { key: "seasonal_naive_168", name: "Last week's values", colour: "naive-168", dash: [2, 3] },
];

export const periodOf = (state) =>
  state.start || state.end ? "custom" : PERIODS.some(([value]) => value === state.period) ? state.period : "7";

export const measureOf = (state) => (state.measure === "wape" ? "wape" : "mape");

// Whether errors are those of the sum, or those of its series on average.
export const isOfSum = (state) => state.of === "sum" && !(state.area && state.consumer_type);

// The period as [start, end), ISO; what is left open follows from the newest origin.
export function range(state, origin) {
  const end = seconds(origin) + 3600;
  if (periodOf(state) !== "custom") return { start: iso(end - Number(periodOf(state)) * 86_400), end: iso(end) };
  return { start: asTime(state.start) ?? iso(end - 7 * 86_400), end: asTime(state.end, 86_400) ?? iso(end) };
}

// A day of the address is a day of the zone shown; the last one is included.
function asTime(text, more = 0) {
  if (!text) return null;
  const time = text.length === 10 ? fromField(text) : seconds(text);
  if (!Number.isFinite(time)) return null;
  return text.length === 10 && more ? iso(fromField(nextDay(text))) : iso(time);
}

function nextDay(day) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

export async function loadScores(state, origin, signal) {
  const { sum, ...codes } = selection(state);
  const question = { ...codes, ...(isOfSum(state) ? { sum } : {}), ...range(state, origin) };
  const by = (name, parameters = question) => ask("/v1/monitoring", { ...parameters, by: name }, signal);
  const { sum: _, ...eachSeries } = question;
  const single = state.area && state.consumer_type;
  const [total, horizons, days, series] = await Promise.all([
    by("total"), by("horizon"), by("day"), single ? null : by("series", eachSeries),
  ]);
  return {
    meta: total.meta, total: total.data[0], horizons: horizons.data, days: days.data, series: series?.data ?? [],
  };
}
