// Numbers as people read them: energies in a unit that fits their size, shares as per cent.

export const UNITS = { kWh: 1, MWh: 1e3, GWh: 1e6, TWh: 1e9 };

// The unit in which the largest of some values has one to four digits before the point.
export function unitFor(values) {
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  return Object.keys(UNITS).findLast((unit) => largest >= UNITS[unit] * (unit === "kWh" ? 0 : 1)) ?? "kWh";
}

// As many digits as the size of the values calls for: 4.52, 45.2, 452.
export function digitsFor(values, unit) {
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs)) / UNITS[unit];
  return largest >= 1000 ? 0 : largest >= 100 ? 1 : largest >= 10 ? 2 : 3;
}

const numbers = new Map();

export function number(value, digits = 0) {
  if (!numbers.has(digits)) {
    numbers.set(digits, new Intl.NumberFormat("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  const text = numbers.get(digits).format(value);
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
}

export function energy(value, unit = unitFor([value]), digits = digitsFor([value], unit)) {
  return known(value) ? `${number(value / UNITS[unit], digits)} ${unit}` : "–";
}

// As many digits as were typed: "4.5 GWh".
export function exact(value, unit) {
  return `${new Intl.NumberFormat("en-GB", { maximumFractionDigits: 9 }).format(value / UNITS[unit])} ${unit}`;
}

export function signed(value, unit, digits) {
  return `${value > 0 ? "+" : ""}${energy(value, unit, digits)}`;
}

export function percent(share, digits = 1) {
  return known(share) ? `${number(share * 100, digits)} %` : "–";
}

// A probability; the API says at least 1 % and at most 99 %.
export function chance(share) {
  if (!known(share)) return "–";
  if (share <= 0.01) return "≤ 1 %";
  if (share >= 0.99) return "≥ 99 %";
  return `${Math.round(share * 100)} %`;
}

export const known = (value) => typeof value === "number" && Number.isFinite(value);

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

// "1.5 GWh", "1500", "1,5 MWh" as kWh; null if it is not an amount. A bare number is in `unit`.
export function parseEnergy(text, unit = "kWh") {
  const match = text.trim().replace(",", ".").match(/^(-?\d+(?:\.\d+)?(?:e\d+)?)\s*([kMGT]Wh)?$/i);
  if (!match) return null;
  const named = Object.keys(UNITS).find((name) => name.toLowerCase() === match[2]?.toLowerCase());
  return Number(match[1]) * UNITS[named ?? unit];
}
