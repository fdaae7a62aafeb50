// A row of small columns, one for each hour: how likely a limit is crossed, or how a forecast changed.

import { h } from "../base/dom.js";
import { clock } from "../base/time.js";

// `items`: [{time, share, text, name, most}]; `share` is a part of the height, from -1 if `diverging`.
export function strip(label, items, diverging = false) {
  return h("ol", { class: diverging ? "strip diverging" : "strip", "aria-label": label },
    items.map((item) => h("li", { class: item.most ? "most" : null, title: item.name },
      h("span", { class: "plot", "aria-hidden": "true" }, bar(item.share, diverging)),
      h("span", { class: "amount", "aria-hidden": "true" }, item.text),
      h("span", { class: "hour", "aria-hidden": "true" }, clock(item.time).slice(0, 2)),
      h("span", { class: "visually-hidden" }, item.name))));
}

function bar(share, diverging) {
  if (!Number.isFinite(share)) return null;
  const height = Math.abs(share) * (diverging ? 50 : 100);
  const from = !diverging ? "bottom: 0" : share < 0 ? "top: 50%" : "bottom: 50%";
  return h("span", { class: diverging ? (share < 0 ? "bar down" : "bar up") : "bar", style: `height: ${height}%; ${from}` });
}
