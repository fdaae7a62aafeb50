// Tables: named columns over rows, inside a part of the page that scrolls by itself.

import { h } from "../base/dom.js";

// `columns`: [{name, text(row), left, wrap}]; the first one names the row.
export function table(caption, columns, rows) {
  const cell = (column, row, place) => {
    const content = column.text(row);
    const attributes = { class: column.left ? "text" : column.wrap ? "wrap" : null };
    return place === 0 ? h("th", { ...attributes, scope: "row" }, content) : h("td", attributes, content);
  };
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.left ? "text" : null }, column.name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((column, place) => cell(column, row, place)))))));
}

// A number with a bar of its size.
export function barCell(share, text) {
  return h("span", { class: "in-cell" },
    h("span", { class: "track", "aria-hidden": "true" }, h("i", { style: `width: ${Math.max(0, Math.min(share, 1)) * 100}%` })), text);
}
