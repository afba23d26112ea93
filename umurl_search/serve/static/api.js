/** The server's answers: JSON documents, frames as bytes; every refusal as one line. */

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is `umurl-search serve` still running?", 0);
  }
  if (answer.ok) return answer;
  throw new ApiError(await refusal(answer), answer.status);
}

async function refusal(answer) {
  if (answer.status === 401) return "This server asks for its token: open the address it printed when it started.";
  const type = answer.headers.get("Content-Type") || "";
  if (type.startsWith("application/json")) {
    const document = await answer.json();
    if (typeof document.error === "string") return withHint(document);
  }
  return `The server refused (${answer.status}).`;
}

/** What is wrong and what mends it, as one sentence. */
function withHint({ error, hint }) {
  return hint ? `${error}; ${hint.text}` : error;
}

/** Parameters that are null, undefined or empty are left out. */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}

export async function getJson(path, { signal } = {}) {
  return (await asked(path, { signal })).json();
}

export async function postJson(path, body, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await asked(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

const TYPES = { json: "application/json", txt: "text/plain", skeleton: "text/plain" };

/** Sends a file as it is; the server says what it read in it. */
export async function upload(file, parameters = {}) {
  const suffix = file.name.split(".").pop().toLowerCase();
  const headers = { "Content-Type": TYPES[suffix] ?? "application/octet-stream" };
  const path = withQuery("/api/uploads", { name: file.name, ...parameters });
  return (await asked(path, { method: "POST", headers, body: file })).json();
}

export async function getBytes(path, { signal } = {}) {
  const answer = await asked(path, { signal });
  return { bytes: await answer.arrayBuffer(), headers: answer.headers };
}

const indexPath = (index) => `/api/indexes/${encodeURIComponent(index)}`;

export const api = {
  library: () => getJson("/api/library"),
  index: (index) => getJson(indexPath(index)),
  columns: (index, where, options) => getJson(withQuery(`${indexPath(index)}/columns`, { where }), options),
  clips: (index, parameters, options) => getJson(withQuery(`${indexPath(index)}/clips`, parameters), options),
  clip: (id, options) => getJson(`/api/clips/${id}`, options),
  query: (request, options) => postJson("/api/query", request, options),
  timeline: (request, options) => postJson("/api/timelines", request, options),
  files: () => getJson("/api/files"),
  skeleton: (layout) => getJson(withQuery("/api/skeleton", { layout })),
  cell: (id, row, column) => getJson(withQuery(`/api/evaluations/${id}/cell`, { true: row, found: column })),
  points: (id, options) => getBytes(`/api/maps/${id}/points`, options),
  mapColumn: (id, column) => getJson(`/api/maps/${id}/column/${encodeURIComponent(column)}`),
};

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });

/** A job's final state, asked for until it is done. Raises ApiError when it failed. */
export async function job(kind, request, { signal, onProgress = () => {} } = {}) {
  let state = await postJson(`/api/${kind}`, request, { signal });
  const id = state.id;
  for (let wait = 100; state.state !== "done"; wait = Math.min(1000, wait * 1.4)) {
    if (state.state === "failed") throw new ApiError(state.error ? withHint(state) : "The job failed.", 400);
    onProgress(state.progress ?? 0);
    await pause(wait, signal);
    state = await getJson(`/api/${kind}/${id}`, { signal });
  }
  return { ...state, id };
}
