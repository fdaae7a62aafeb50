// The horizontal axis of a chart over hours. It follows the local clock, so days of 23 and 25 hours
// are as long as they are.

import { clock, dayName, hourOfDay, offset } from "../base/time.js";

const DISTANCE = 52; // pixels between labels of hours at least
const DAY_DISTANCE = 84; // and between those of days

export function timeAxis(xs) {
  const hours = xs.map((time) => hourOfDay(time));
  return {
    xTicks(width) {
      const pixels = width / Math.max(xs.length - 1, 1);
      const step = [1, 2, 3, 6, 12, 24].find((size) => size * pixels >= DISTANCE) ?? 24;
      const ticks = xs.filter((_, index) => hours[index] % step === 0 && hours[index] !== hours[index - 1]);
      const every = step === 24 ? Math.ceil(DAY_DISTANCE / (24 * pixels)) : 1;
      return ticks.filter((_, index) => index % every === 0);
    },
    xText: (time) => (hourOfDay(time) === 0 ? dayName(time) : clock(time)),
    xName: (time) => hourName(time, xs),
  };
}

// "Wed 25 Nov, 18:00"; in the hour that a day has twice, with the offset.
export function hourName(time, xs) {
  const text = `${dayName(time)}, ${clock(time)}`;
  const twice = [time - 3600, time + 3600].some((other) => xs.includes(other) && clock(other) === clock(time));
  return twice ? `${text} (UTC${offset(time)})` : text;
}
