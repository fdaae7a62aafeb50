// What is shown instead of a view: nothing published yet, a key needed, something unknown.

import { keepKey } from "../base/api.js";
import { h } from "../base/dom.js";

export function nothingYet(detail) {
  return h("div", { class: "card empty", "data-state": "empty" },
    h("h1", {}, "No forecast to show yet"),
    h("p", {}, withCode(sentence(detail))),
    h("p", {}, "This page shows the forecast as soon as it is there."));
}

export function keyNeeded(wasWrong, onKey) {
  const field = h("input", { class: "field", type: "password", autocomplete: "current-password", "aria-label": "Key", required: true });
  return h("div", { class: "card empty", "data-state": "key" },
    h("h1", {}, "A key, please"),
    h("p", {}, "This service gives its numbers to those who have a key. It is kept in this tab only."),
    wasWrong ? h("p", { class: "error-text", role: "alert" }, "That key is not known.") : null,
    h("form", { onsubmit: (event) => { event.preventDefault(); keepKey(field.value); onKey(); } },
      field, h("button", { class: "button main", type: "submit" }, "Continue")));
}

export function unreachable() {
  return h("div", { class: "card empty", "data-state": "unreachable" },
    h("h1", {}, "The service does not answer"), h("p", {}, "The page tries again by itself every few seconds."));
}

export function failed(problem, address) {
  const unknown = problem.status === 404;
  const name = unknown ? "unknown" : problem.status >= 500 ? "broken" : "failed";
  return h("div", { class: "card empty", "data-state": name },
    h("h1", {}, unknown ? "Not found" : "That did not work"),
    h("p", {}, withCode(sentence(problem.message))),
    h("a", { class: "button main", href: address, "data-view": true }, "Show all consumption"));
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

// `make run` in a text is something to type.
const withCode = (text) => text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part));
