// Choosing by typing: a combobox that draws only the options in sight, however many there are.

import { h, svg } from "../base/dom.js";

const ROW = 36; // pixels, as in parts.css
const AROUND = 4; // rows drawn above and below those in sight

let count = 0;

// `options`: [{value, label, detail}]. `onChoose(value)` is told what was chosen.
export function picker(label, onChoose) {
  const id = `picker-${++count}`;
  let options = [];
  let found = [];
  let chosen = "";
  let active = -1;
  let open = false;

  const input = h("input", {
    id, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false",
    "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
    oninput: () => search(input.value), onkeydown: onKey, onclick: () => show(),
    onfocus: () => input.select(), onblur: () => close(),
  });
  const space = h("div", { class: "options-space", role: "presentation" });
  const list = h("div", {
    class: "options", id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true,
    onscroll: draw, onmousedown: (event) => event.preventDefault(),
  }, space);
  const chevron = svg("svg", { class: "chevron", viewBox: "0 0 14 14", "aria-hidden": "true" },
    svg("path", { d: "M3 5l4 4 4-4", fill: "none", stroke: "currentColor", "stroke-width": "1.8" }));
  const element = h("div", { class: "picker" }, h("label", { class: "label", for: id }, label), input, chevron, list);

  const textOf = (option) => (option ? [option.label, option.detail].filter(Boolean).join(" · ") : "");

  function set(newOptions, value) {
    options = newOptions;
    chosen = value;
    if (!open) input.value = textOf(options.find((option) => option.value === chosen)) || value;
  }

  function search(text) {
    const words = text.toLowerCase().split(/[\s·]+/).filter(Boolean);
    found = options.filter((option) => {
      const whole = textOf(option).toLowerCase();
      return words.every((word) => whole.includes(word));
    });
    const start = words.join(" ");
    const first = found.findIndex((option) => option.label.toLowerCase().startsWith(start));
    reveal(words.length ? Math.max(first, Math.min(0, found.length - 1)) : -1);
  }

  function show() {
    if (open) return;
    found = options;
    reveal(options.findIndex((option) => option.value === chosen));
  }

  function reveal(row) {
    open = true;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    space.style.height = `${found.length * ROW}px`;
    move(row);
  }

  function move(row) {
    active = row;
    const top = Math.max(row, 0) * ROW;
    if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top - 3 * ROW;
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - AROUND);
    const last = Math.min(found.length, Math.ceil((list.scrollTop + 300) / ROW) + AROUND);
    const rows = [];
    for (let row = first; row < last; row += 1) rows.push(optionAt(row));
    space.replaceChildren(...rows);
    if (!found.length) space.append(h("div", { class: "none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing fits what was typed."));
    space.style.minHeight = found.length ? "" : "44px";
    if (active >= 0) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function optionAt(row) {
    const option = found[row];
    return h("div", {
      id: `${id}-${row}`, role: "option", class: row === active ? "option active" : "option",
      "aria-selected": String(option.value === chosen), "aria-setsize": found.length, "aria-posinset": row + 1,
      style: `top: ${row * ROW}px`, onclick: () => choose(row),
    }, option.label, option.detail ? h("small", {}, option.detail) : null);
  }

  function choose(row) {
    const option = found[row];
    close();
    if (option && option.value !== chosen) onChoose(option.value);
  }

  function close() {
    open = false;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    set(options, chosen);
  }

  function onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) {
      event.preventDefault();
      if (!open) show();
      else move(Math.min(Math.max(active + steps[event.key], 0), found.length - 1));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      close();
    }
  }

  return { element, set };
}
