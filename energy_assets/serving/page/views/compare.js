// An earlier forecast beside this one, and what has changed since.

import { card, choice, labelled } from "../parts/controls.js";
import { h } from "../base/dom.js";
import { energy, known, percent, signed } from "../base/format.js";
import { strip } from "../parts/strip.js";
import { fromField, iso, moment, toField } from "../base/time.js";

const HOURS = [1, 2, 3, 4, 5, 6, 8, 12, 18, 23, 24];

export function compareControl(go) {
  let view = null;
  const select = choice([
    ["", "nothing"],
    ...HOURS.map((hours) => [`${hours}h`, hours === 1 ? "1 hour earlier" : `${hours} hours earlier`]),
    ["at", "at a time …"],
  ], (value) => {
    if (value !== "at") go({ compare: value || undefined });
    else go({ compare: iso(view.origin - 24 * 3600) });
  });
  const field = h("input", { class: "field", type: "datetime-local", step: "3600", "aria-label": "Hour of the earlier forecast",
    onchange: () => field.value && go({ compare: iso(Math.floor(fromField(field.value) / 3600) * 3600) }) });
  const wrong = h("span", { class: "error-text", role: "alert" });

  return {
    element: h("span", { class: "control" }, labelled("Compare with", select), field, wrong),
    set(newView) {
      view = newView;
      const { compare } = view.state;
      const relative = HOURS.some((hours) => `${hours}h` === compare);
      select.value = !compare ? "" : relative ? compare : "at";
      field.hidden = !compare || relative;
      if (!field.hidden && known(view.earlier?.origin)) field.value = toField(view.earlier.origin);
      wrong.textContent = view.earlier?.problem ?? "";
    },
  };
}

export function earlierCard(view) {
  const { earlier, forecast: { columns, ahead, hours }, unit, digits } = view;
  if (!earlier?.values) return null;
  const both = ahead.filter((index) => known(earlier.values.get(hours[index])));
  const title = `What changed since the forecast of ${moment(earlier.origin)}`;
  if (!both.length) return card(title, {}, h("p", { class: "note" }, "The two forecasts have no hour in common."));
  const difference = (index) => columns.energy_consumption[index] - earlier.values.get(hours[index]);
  const top = both.reduce((best, index) => (Math.abs(difference(index)) > Math.abs(difference(best)) ? index : best), both[0]);
  const largest = Math.abs(difference(top)) || 1;
  const items = both.map((index) => ({
    time: hours[index],
    share: difference(index) / largest,
    text: percent(difference(index) / earlier.values.get(hours[index]), 0).replace(" %", ""),
    name: `${view.name(hours[index])}: ${signed(difference(index), unit, digits)}`,
  }));
  const share = percent(Math.abs(difference(top)) / Math.abs(earlier.values.get(hours[top])));
  const lead = h("span", {}, "Largest change at ", h("b", {}, view.name(hours[top])), `: ${signed(difference(top), unit, digits)} (${share}), from `,
    `${energy(earlier.values.get(hours[top]), unit, digits)} to ${energy(columns.energy_consumption[top], unit, digits)}. The figures below are per cent.`);
  return card(title, { lead, id: "earlier-card" }, strip("Change of the forecast, hour by hour", items, true));
}
