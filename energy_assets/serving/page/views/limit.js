// A limit, and how likely it is that the consumption is above it.

import { card, choice, labelled } from "../parts/controls.js";
import { h } from "../base/dom.js";
import { extreme, limitOf } from "./forecast-data.js";
import { chance, exact, parseEnergy, UNITS } from "../base/format.js";
import { strip } from "../parts/strip.js";

export function limitControl(go) {
  let view = null;
  const field = h("input", { class: "field", type: "text", inputmode: "decimal", placeholder: "none", autocomplete: "off", onchange: apply });
  const units = choice(Object.keys(UNITS).map((unit) => [unit, unit]), apply);
  units.setAttribute("aria-label", "Unit of the limit");
  const wrong = h("span", { class: "error-text", role: "alert" });
  const atPeak = h("button", { class: "button quiet", type: "button", onclick: setAtPeak }, "at the peak");
  const clear = h("button", { class: "button quiet", type: "button", onclick: () => go({ limit: undefined }) }, "remove");

  function apply() {
    const value = field.value.trim() ? parseEnergy(field.value, units.value) : undefined;
    wrong.textContent = value === null ? "Type a number, such as 1500 or 1.5 GWh." : "";
    if (value !== null) go({ limit: value === undefined ? undefined : String(value) });
  }

  function setAtPeak() {
    const { columns, ahead } = view.forecast;
    go({ limit: String(Number(columns.energy_consumption[extreme(columns.energy_consumption, ahead)].toPrecision(3))) });
  }

  return {
    element: h("span", { class: "control" }, labelled("Limit", field, units), atPeak, clear, wrong),
    set(newView) {
      view = newView;
      const limit = limitOf(view.state);
      units.value = view.unit;
      field.value = limit === null ? "" : String(Number((limit / UNITS[view.unit]).toPrecision(12)));
      atPeak.hidden = limit !== null;
      clear.hidden = limit === null;
      wrong.textContent = "";
    },
  };
}

export function limitCard(view) {
  const limit = limitOf(view.state);
  if (limit === null) return null;
  const { forecast: { columns, ahead, hours }, unit } = view;
  const chances = columns.probability_above;
  const best = extreme(chances, ahead);
  const items = ahead.map((index) => ({
    time: hours[index],
    share: chances[index],
    text: chance(chances[index]).replace(/[ %]/g, ""),
    name: `${view.name(hours[index])}: ${chance(chances[index])}`,
    most: chances[index] === chances[best] && chances[best] > 0.01,
  }));
  const words = chances[best] <= 0.01
    ? "Hardly likely in any hour: at most 1 %."
    : h("span", {}, "Most likely at ", h("b", {}, view.name(hours[best])), ": ", h("b", {}, chance(chances[best])), ".");
  return card(`How likely is more than ${exact(limit, unit)}?`, { lead: words, id: "limit-card" },
    strip("Probability of crossing the limit, hour by hour, in per cent", items));
}
