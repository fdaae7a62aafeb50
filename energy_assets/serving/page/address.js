// The address holds the whole state of a view, so that it can be sent to somebody.

/** The parameters of the address as an object; a missing one is undefined. */
export function read() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** The address of a state; parameters that are empty are left out. */
export function addressOf(state) {
  const pairs = Object.entries(state).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `/?${new URLSearchParams(pairs)}`;
}

/** Change parameters of the address; `replace` makes no new step for the back button. */
export function change(changes, { replace = false } = {}) {
  const address = addressOf({ ...read(), ...changes });
  history[replace ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new Event("addresschange"));
}

/** Call a function whenever the address changes. */
export function onChange(listener) {
  addEventListener("popstate", listener);
  addEventListener("addresschange", listener);
}
