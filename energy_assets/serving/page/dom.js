// Elements in short.

/** An element with attributes and children; `on...` attributes are listeners. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && key !== "list" && key !== "form") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Say something to people who listen to the page. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

/** A labelled field. */
export function field(label, input, hint) {
  return element("label", { className: "field" }, element("span", {}, label), input,
    hint && element("small", {}, hint));
}

/** A group of buttons of which one is chosen. */
export function choice(label, options, chosen, choose) {
  return element("div", { className: "choice", role: "group", "aria-label": label },
    options.map(([value, text]) => element("button", {
      type: "button", "aria-pressed": String(value === chosen), onclick: () => choose(value),
    }, text)));
}
