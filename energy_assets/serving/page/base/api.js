// Questions to the API. The browser keeps answers and asks with their ETag whether they still hold.

const KEY = "energy-assets-key";

export class Problem extends Error {
  // What the API answered instead (RFC 9457), or `status` 0 if it did not answer.
  constructor(status, detail, retryAfter = 10) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function addressFor(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export async function ask(path, parameters = {}, signal = undefined) {
  return (await response(addressFor(path, parameters), signal)).json();
}

// A file for the person, with the key that a plain link would not carry.
export async function download(address, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await response(address)).blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function response(address, signal = undefined) {
  const headers = hasKey() ? { "X-API-Key": sessionStorage.getItem(KEY) } : {};
  let answer;
  try {
    answer = await fetch(address, { headers, signal, cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const detail = problem.detail || problem.title || `The service answered ${answer.status}.`;
  throw new Problem(answer.status, String(detail), Number(answer.headers.get("Retry-After")) || 10);
}
