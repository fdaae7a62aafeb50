// Choosing a series or a sum by typing: an ARIA combobox whose list draws only what can be seen.

import { element } from "./dom.js";

const SHOWN = 60;

/** The options for all series: sums first, then every series. `{label, detail, choice, text}` */
export function optionsOf(series) {
  const areas = new Map(), types = new Map();
  for (const row of series) {
    areas.set(row.area, row.area_name);
    types.set(row.consumer_type, row.consumer_type_name);
  }
  const option = (label, detail, choice) => ({ label, detail, choice, text: `${label} ${detail}`.toLowerCase() });
  const named = (code, name) => (name ? `${code} ${name}` : code);
  return [
    option("Everything", `sum of ${series.length.toLocaleString("en")} series`, { sum: "total" }),
    ...(areas.size > 1 ? [...areas].map(([code, name]) => option(named(code, name), "sum of the area", { sum: "total", area: code })) : []),
    ...(areas.size > 1 ? [...types].map(([code, name]) => option(`All areas · ${named(code, name)}`, "sum of the areas", { sum: "total", consumer_type: code })) : []),
    ...series.map((row) => option(
      `${named(row.area, row.area_name)} · ${named(row.consumer_type, row.consumer_type_name)}`, "",
      { area: row.area, consumer_type: row.consumer_type })),
  ];
}

/** The option that a choice stands for; undefined if there is none. */
export function optionFor(options, { sum, area, consumer_type: type }) {
  return options.find(({ choice }) => choice.sum === sum && choice.area === area && choice.consumer_type === type);
}

/** A combobox over the options; `choose(option)` is called with what was chosen. */
export function picker(options, chosen, choose) {
  let found = [], active = -1;
  const list = element("ul", { id: "series-list", role: "listbox", hidden: true, "aria-label": "Series and sums" });
  const input = element("input", {
    id: "series", type: "text", role: "combobox", autocomplete: "off", spellcheck: false,
    "aria-controls": "series-list", "aria-expanded": "false", "aria-autocomplete": "list",
    value: chosen?.label ?? "",
    onfocus: () => { input.select(); open(""); },
    oninput: () => open(input.value),
    onkeydown: key,
    onblur: () => close(true),
  });

  function open(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    found = options.filter((option) => words.every((word) => option.text.includes(word)));
    active = text && found.length ? 0 : -1;
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.min(active - SHOWN / 2, found.length - SHOWN));
    list.replaceChildren(...found.slice(first, first + SHOWN).map((option, number) => element("li", {
      id: `option-${first + number}`, role: "option", "aria-selected": String(first + number === active),
      "aria-setsize": String(found.length), "aria-posinset": String(first + number + 1),
      onmousedown: (event) => { event.preventDefault(); pick(option); },
    }, option.label, option.detail && element("small", {}, ` ${option.detail}`))));
    if (!found.length) list.append(element("li", { className: "none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing has this name"));
    else if (found.length > SHOWN) list.append(element("li", { className: "none", role: "presentation" }, `${found.length.toLocaleString("en")} found: type to narrow them down`));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (active < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", `option-${active}`);
      list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    }
  }

  function close(restore) {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    if (restore) input.value = chosen?.label ?? "";
  }

  function pick(option) {
    chosen = option;
    close(true);
    choose(option);
  }

  function key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open("");
      active = Math.max(0, Math.min(found.length - 1, active + step));
      draw();
    } else if (event.key === "Enter" && !list.hidden && found[active]) {
      event.preventDefault();
      pick(found[active]);
    } else if (event.key === "Escape") {
      close(true);
    }
  }

  return element("div", { className: "picker" },
    element("label", { htmlFor: "series" }, "Series or sum"), input, list);
}
