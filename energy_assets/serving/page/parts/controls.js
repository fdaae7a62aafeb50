// Small controls: a choice of a few, a check box, a field with a label, notices inside a view.

import { h, svg } from "../base/dom.js";

let count = 0;

// A few choices side by side. `set(value)` shows another choice without telling `onChange`.
export function segments(label, options, onChange) {
  const name = `choice-${++count}`;
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name, value, onchange: () => onChange(value) }));
  const element = h("fieldset", { class: "segments" }, h("legend", { class: "visually-hidden" }, label),
    options.map(([, text], index) => h("label", {}, inputs[index], h("span", {}, text))));
  return { element, set: (value) => inputs.forEach((input) => { input.checked = input.value === value; }) };
}

export function checkBox(label, onChange) {
  const input = h("input", { type: "checkbox", onchange: () => onChange(input.checked) });
  return { element: h("label", { class: "check" }, input, label), input };
}

export function labelled(text, ...controls) {
  const id = `field-${++count}`;
  controls[0].id = id;
  return h("span", { class: "control" }, h("label", { class: "label", for: id }, text), controls);
}

export function choice(options, onChange) {
  const element = h("select", { class: "field", onchange: () => onChange(element.value) },
    options.map(([value, text]) => h("option", { value }, text)));
  return element;
}

export function card(title, { tools = [], lead = null, ...attributes } = {}, ...children) {
  const id = `card-${++count}`;
  return h("section", { ...attributes, class: "card", "aria-labelledby": id },
    h("div", { class: "card-head" }, h("h2", { id }, title), tools.length ? h("div", { class: "tools" }, tools) : null),
    lead ? h("p", { class: "lead" }, lead) : null,
    children);
}

// One number to remember. `set` keeps the height, so that nothing jumps.
export function figure(label) {
  const name = h("span", { class: "label" }, label);
  const value = h("p", { class: "value" }, "–");
  const more = h("p", { class: "more" }, "\u00a0");
  return {
    element: h("div", { class: "card figure" }, name, value, more),
    set(text, details, otherLabel = label) {
      const [, amount, unit] = text.match(/^(.*?)(?:\s([kMGT]Wh|%))?$/);
      name.textContent = otherLabel;
      value.replaceChildren(amount, unit ? h("small", {}, ` ${unit}`) : "");
      more.replaceChildren(...[details].flat());
    },
  };
}

const SIGNS = {
  info: "M10 9v5M10 6.2v.1",
  warning: "M10 6v5M10 13.8v.1",
  error: "M7 7l6 6M13 7l-6 6",
};

export function notice(level, text, ...more) {
  return h("div", { class: `banner ${level}` },
    svg("svg", { viewBox: "0 0 20 20", fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "aria-hidden": "true" },
      svg("circle", { cx: 10, cy: 10, r: 8.2 }), svg("path", { d: SIGNS[level] ?? SIGNS.info })),
    h("span", {}, text, more));
}
