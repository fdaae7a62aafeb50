// Which series or sum a view is about: two pickers, and its name in words.

import { ask } from "../base/api.js";
import { h } from "../base/dom.js";
import { plural } from "../base/format.js";
import { picker } from "./picker.js";

// The series of the data set, by area.
export class Catalogue {
  constructor() {
    this.areas = new Map(); // code -> its consumer types, in order
    this.names = { area: new Map(), consumer_type: new Map() };
    this.count = 0;
  }

  static async load() {
    const catalogue = new Catalogue();
    for (let offset = 0, more = true; more; offset += 10_000) {
      const { data, next } = await ask("/v1/series", { layout: "columns", offset: offset || null });
      data.area.forEach((area, row) => {
        catalogue.add(area, data.area_name[row], data.consumer_type[row], data.consumer_type_name[row]);
      });
      more = Boolean(next);
    }
    return catalogue;
  }

  add(area, areaName, type, typeName) {
    if (!this.areas.has(area)) this.areas.set(area, []);
    this.areas.get(area).push(type);
    if (areaName) this.names.area.set(area, areaName);
    if (typeName) this.names.consumer_type.set(type, typeName);
    this.count += 1;
  }

  types(area) {
    if (area) return this.areas.get(area) ?? [];
    return [...new Set([...this.areas.values()].flat())].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  }

  // "DK1 · 111", "DK1, all consumer types", "All of the data set"
  title({ area, consumer_type: type }) {
    const names = [area && this.named("area", area), type && this.named("consumer_type", type)];
    if (area && type) return names.join(" · ");
    if (area) return `${names[0]}, all consumer types`;
    if (type) return `${names[1]}, all areas`;
    return "All consumption";
  }

  named(kind, code) {
    const name = this.names[kind].get(code);
    return name ? `${code} ${name}` : code;
  }

  // How many series a sum is made of, in words.
  size({ area, consumer_type: type }) {
    if (area && type) return "One series";
    const count = [...this.areas].reduce((sum, [code, types]) =>
      sum + (area && code !== area ? 0 : type ? Number(types.includes(type)) : types.length), 0);
    return `The sum of ${plural(count, "series", "series")}`;
  }
}

// The heading of a view: the subject's name and the pickers. `onChoose` is told what changes.
export function subject(onChoose) {
  let catalogue = new Catalogue();
  let state = {};
  const title = h("h1", {}, "\u00a0");
  const lead = h("p", {}, "\u00a0");
  const areas = picker("Area", (area) => {
    const keeps = !area || catalogue.types(area).includes(state.consumer_type);
    onChoose({ area, consumer_type: keeps ? state.consumer_type : undefined });
  });
  const types = picker("Consumer type", (type) => onChoose({ consumer_type: type }));

  const optionsOf = (kind, codes, all) => [
    { value: "", label: all },
    ...codes.map((code) => ({ value: code, label: code, detail: catalogue.names[kind].get(code) })),
  ];

  return {
    element: h("div", { class: "head" }, h("div", { class: "head-words" }, title, lead),
      h("div", { class: "pickers" }, areas.element, types.element)),
    set(newCatalogue, newState, words) {
      [catalogue, state] = [newCatalogue, newState];
      title.textContent = catalogue.title(state);
      lead.textContent = words;
      areas.set(optionsOf("area", [...catalogue.areas.keys()], "All areas"), state.area ?? "");
      types.set(optionsOf("consumer_type", catalogue.types(state.area), "All consumer types"), state.consumer_type ?? "");
    },
  };
}
