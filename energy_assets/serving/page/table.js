// Tables of numbers.

import { element } from "./dom.js";

/**
 * A table. `columns` are `{title, value(row), className}`; `value` gives text or an element. The
 * first column heads its row.
 */
export function table(caption, columns, rows) {
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", {},
      element("caption", { className: "unseen" }, caption),
      element("thead", {}, element("tr", {},
        columns.map(({ title, className }) => element("th", { scope: "col", className: className ?? "" }, title)))),
      element("tbody", {}, rows.map((row) => element("tr", { className: row.className ?? "" },
        columns.map(({ value, className }, number) => number
          ? element("td", { className: className ?? "" }, value(row))
          : element("th", { scope: "row", className: className ?? "" }, value(row))))))));
}
