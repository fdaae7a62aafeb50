// Requests to the API, and the errors it answers with.

/** An answer that is an error; `status` is 0 if there was no answer at all. */
export class ApiError extends Error {
  constructor(status, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const KEY = "energy-assets key";

/** The address of a question; lists become repeated parameters. */
export function question(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of [value].flat()) query.append(name, one);
  }
  const text = query.toString();
  return text ? `/v1/${path}?${text}` : `/v1/${path}`;
}

/** The JSON answer to a question. Throws ApiError. */
export async function ask(path, parameters, { signal } = {}) {
  const headers = { Accept: "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(question(path, parameters), { headers, signal, cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The service does not answer.");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && askForKey()) return ask(path, parameters, { signal });
  throw new ApiError(
    response.status,
    problem.detail ?? response.statusText,
    Number(response.headers.get("Retry-After") ?? 0),
  );
}

function askForKey() {
  const key = prompt("This service needs a key. Your key:");
  if (key) sessionStorage.setItem(KEY, key.trim());
  return Boolean(key);
}
