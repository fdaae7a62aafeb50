// The state of the page is its address: what is shown can be sent to somebody.

// What each view keeps in the address, in this order.
const KEPT = {
  forecast: ["area", "consumer_type", "days", "naives", "limit", "origin", "compare"],
  accuracy: ["area", "consumer_type", "period", "start", "end", "measure", "of"],
  status: [],
};

export function readAddress(search = location.search) {
  const parameters = new URLSearchParams(search);
  const view = Object.hasOwn(KEPT, parameters.get("view")) ? parameters.get("view") : "forecast";
  const state = { view, zone: parameters.get("zone") === "utc" ? "utc" : "local" };
  for (const name of KEPT[view]) {
    if (parameters.get(name)) state[name] = parameters.get(name);
  }
  return state;
}

export function addressOf(state) {
  const parameters = new URLSearchParams({ view: state.view });
  for (const name of KEPT[state.view]) {
    if (state[name] !== undefined && state[name] !== null && state[name] !== "") {
      parameters.set(name, state[name]);
    }
  }
  if (state.zone === "utc") parameters.set("zone", "utc");
  return `/?${parameters}`;
}

// Another view of the same series.
export function otherView(state, view) {
  return addressOf({ view, zone: state.zone, area: state.area, consumer_type: state.consumer_type });
}

// How the API is asked for the chosen series, or for the sum where one of the codes is left open.
export function selection(state) {
  const chosen = {};
  if (state.area) chosen.area = state.area;
  if (state.consumer_type) chosen.consumer_type = state.consumer_type;
  if (!state.area) chosen.sum = state.consumer_type ? "consumer_type" : "total";
  else if (!state.consumer_type) chosen.sum = "area";
  return chosen;
}
