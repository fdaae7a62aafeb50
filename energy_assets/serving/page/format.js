// Numbers, units and times as people read them.

const UNITS = [["GWh", 1e6], ["MWh", 1e3], ["kWh", 1]];

/** The unit that fits values up to a size in kWh: `{name, size}`. */
export function unitFor(largest) {
  const [name, size] = UNITS.find(([, factor]) => largest >= factor) ?? UNITS.at(-1);
  return { name, size };
}

/** A value in kWh as a number in a unit, without the unit's name. */
export function number(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const scaled = value / unit.size;
  const size = Math.abs(scaled);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return scaled.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A value in kWh with the unit that fits it. */
export function energy(value) {
  if (value === null || value === undefined) return "–";
  const unit = unitFor(Math.abs(value));
  return `${number(value, unit)} ${unit.name}`;
}

/** A share such as 0.05 as `5.0 %`. */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`;
}

/** A probability; those at the ends are known no better than that. */
export function probability(share) {
  if (share === null || share === undefined) return "–";
  if (share <= 0.01) return "< 1 %";
  if (share >= 0.99) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

/** Times in one zone, as text. `zone` is an IANA name. */
export function clock(zone) {
  const make = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
  const formats = {
    hour: make({ hour: "2-digit", minute: "2-digit" }),
    day: make({ weekday: "short", day: "numeric", month: "short" }),
    full: make({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
    // With its offset, hours that occur twice can be told apart.
    exact: make({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" }),
    zone: make({ timeZoneName: "short" }),
  };
  const text = (format) => (time) => formats[format].format(new Date(time));
  return { zone, hour: text("hour"), day: text("day"), full: text("full"), exact: text("exact") };
}

/** A number of things: `1 hour`, `3 hours`. */
export function count(amount, thing) {
  return `${amount.toLocaleString("en")} ${thing}${amount === 1 ? "" : "s"}`;
}

/** How long ago or how long a time is, in words. */
export function duration(minutes) {
  const size = Math.abs(minutes);
  if (size < 1.5) return "1 minute";
  if (size < 120) return `${Math.round(size)} minutes`;
  if (size < 48 * 60) return `${Math.round(size / 60)} hours`;
  return `${Math.round(size / 1440)} days`;
}
