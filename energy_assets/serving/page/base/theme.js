// Light or dark: as the system has it, unless somebody chose.

import { h, svg } from "./dom.js";

const KEPT = "energy-assets-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

const SUN = "M10 3v1.6M10 15.4V17M3 10h1.6M15.4 10H17M5.1 5.1l1.1 1.1M13.8 13.8l1.1 1.1M14.9 5.1l-1.1 1.1M6.2 13.8l-1.1 1.1M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0z";
const MOON = "M15.8 12.2A6.4 6.4 0 0 1 7.8 4.2a6.4 6.4 0 1 0 8 8z";

const isDark = () => (localStorage.getItem(KEPT) ?? (system.matches ? "dark" : "light")) === "dark";

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

// The switch; `onChange` is told when the colours are others.
export function themeSwitch(onChange) {
  const path = svg("path", { fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round" });
  const button = h("button", { class: "button icon", type: "button", onclick: toggle },
    svg("svg", { viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true" }, path));

  function show() {
    apply();
    path.setAttribute("d", isDark() ? SUN : MOON);
    button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
    button.title = button.getAttribute("aria-label");
  }

  function toggle() {
    localStorage.setItem(KEPT, isDark() ? "light" : "dark");
    show();
    onChange();
  }

  system.addEventListener("change", () => { show(); onChange(); });
  window.addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; onChange(); });
  window.addEventListener("afterprint", () => { apply(); onChange(); });
  show();
  return button;
}
