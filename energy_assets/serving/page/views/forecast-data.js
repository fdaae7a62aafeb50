// What the forecast view shows, asked for and brought into one shape.

import { addressFor, ask, Problem } from "../base/api.js";
import { selection } from "../base/address.js";
import { known } from "../base/format.js";
import { iso, seconds } from "../base/time.js";

export const DAYS = ["1", "3", "7", "14"];
const QUANTILES = "0.01,0.25,0.75,0.99";

export const daysOf = (state) => (DAYS.includes(state.days) ? Number(state.days) : 3);

function question(state) {
  return {
    ...selection(state),
    history: daysOf(state) * 24,
    quantiles: QUANTILES,
    threshold: limitOf(state),
    naives: state.naives ? "true" : null,
    origin: state.origin,
  };
}

// kWh, or null if there is no limit.
export function limitOf(state) {
  const limit = Number(state.limit);
  return state.limit && Number.isFinite(limit) ? limit : null;
}

// Observations, forecast and quantiles in one file.
export function csvAddress(state) {
  return addressFor("/v1/forecasts", { ...question(state), naives: "true", local_time: "true", format: "csv" });
}

export async function loadForecast(state, signal) {
  const { meta, data } = await ask("/v1/forecasts", { ...question(state), layout: "columns" }, signal);
  const hours = data.datetime_utc.map(seconds);
  const first = data.horizon.findIndex((horizon) => horizon !== null);
  return { meta, hours, first, columns: data, ahead: hours.map((_, index) => index).slice(first) };
}

// The forecast to compare with: {hours: Map(time -> value), origin}, or {problem} in words.
export async function loadEarlier(state, origin, signal) {
  if (!state.compare) return null;
  const hours = /^\d+h$/.test(state.compare) ? Number.parseInt(state.compare, 10) : null;
  const earlier = hours === null ? seconds(state.compare) : seconds(origin) - hours * 3600;
  if (!Number.isFinite(earlier)) return { problem: "The time to compare with is not a time." };
  try {
    const { meta, data } = await ask("/v1/forecasts", { ...selection(state), origin: iso(earlier), layout: "columns" }, signal);
    const values = new Map(data.datetime_utc.map((time, row) => [seconds(time), data.energy_consumption[row]]));
    return { origin: seconds(meta.origin), values };
  } catch (error) {
    if (!(error instanceof Problem) || ![404, 422].includes(error.status)) throw error;
    return { problem: "No forecast from that hour is stored.", origin: earlier };
  }
}

// The index of the largest, or smallest, known value among some.
export function extreme(values, indices, better = (one, other) => one > other) {
  return indices.reduce((best, index) =>
    known(values[index]) && (best === -1 || better(values[index], values[best])) ? index : best, -1);
}
