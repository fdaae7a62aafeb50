// Hours as people read them. Inside the page a time is a number: seconds since 1970, in UTC.

let shown = "UTC"; // the zone in which times are shown
let local = "UTC"; // the data set's own zone
const formats = new Map();

export function setZones(localZone, useUtc) {
  local = localZone || "UTC";
  shown = useUtc ? "UTC" : local;
}

export const zoneShown = () => shown;
export const zoneLocal = () => local;
export const seconds = (iso) => Math.round(Date.parse(iso) / 1000);
export const iso = (time) => new Date(time * 1000).toISOString().replace(".000", "");

function formatted(time, zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options }));
  }
  return formats.get(key).format(new Date(time * 1000));
}

export const clock = (time, zone = shown) => formatted(time, zone, { hour: "2-digit", minute: "2-digit" });
export const hourOfDay = (time, zone = shown) => Number(clock(time, zone).slice(0, 2));
export const dayName = (time, zone = shown) =>
  formatted(time, zone, { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
export const moment = (time, zone = shown) => `${dayName(time, zone)}, ${clock(time, zone)}`;
export const withYear = (time, zone = shown) =>
  formatted(time, zone, { day: "numeric", month: "short", year: "numeric" });

// "+01:00": it tells the two hours of a day of 25 hours apart.
export function offset(time, zone = shown) {
  const text = formatted(time, zone, { timeZoneName: "longOffset" });
  return text.match(/GMT([+-]\d\d:\d\d)/)?.[1] ?? "+00:00";
}

// "today 18:00", "tomorrow 07:00", or the day's name.
export function near(time, now) {
  const day = dayName(time);
  if (day === dayName(now)) return `today ${clock(time)}`;
  if (day === dayName(now + 86_400)) return `tomorrow ${clock(time)}`;
  return moment(time);
}

// The value of a date-time field, in the zone shown, and back. Of an hour that a day has twice, the first.
export function toField(time) {
  const [day, month, year] = formatted(time, shown, { day: "2-digit", month: "2-digit", year: "numeric" }).split("/");
  return `${year}-${month}-${day}T${clock(time)}`;
}

export function fromField(text) {
  const minute = text.length === 10 ? `${text}T00:00` : text.slice(0, 16);
  const wall = seconds(`${minute}:00Z`);
  const candidates = [-14, 14].map((hours) => wall - offsetSeconds(wall + hours * 3600));
  return candidates.find((time) => toField(time) === minute) ?? candidates[0];
}

function offsetSeconds(time) {
  const [, sign, hours, minutes] = offset(time).match(/([+-])(\d\d):(\d\d)/);
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}
