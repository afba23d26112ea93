/** The server's answers: JSON documents, frames as bytes; every refusal as one line. */

export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {number} [retrySeconds]  after which to ask again; 0: not at all
   */
  constructor(message, status, retrySeconds = 0) {
    super(message);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

/**
 * Whether an error says that nobody waits for the answer any more.
 * @param {unknown} error
 */
export const isAbort = (error) => error instanceof Error && error.name === "AbortError";

/**
 * What was thrown, as an error with its message.
 * @param {unknown} error
 */
export const asError = (error) => (error instanceof Error ? error : new Error(String(error)));

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("The server does not answer. Is `umurl-search serve` still running?", 0);
  }
  if (answer.ok) return answer;
  throw new ApiError(await refusal(answer), answer.status, Number(answer.headers.get("Retry-After") ?? 0));
}

/** @param {Response} answer */
async function refusal(answer) {
  if (answer.status === 401) return "This server asks for its token: open the address it printed when it started.";
  const type = answer.headers.get("Content-Type") || "";
  if (type.startsWith("application/json")) {
    const document = await answer.json();
    if (typeof document.error === "string") return withHint(document);
  }
  return `The server refused (${answer.status}).`;
}

/**
 * What is wrong and what mends it, as one sentence.
 * @param {Server.Refusal} refusal
 */
function withHint({ error, hint }) {
  return hint ? `${error}; ${hint.text}` : error;
}

/**
 * Parameters that are null, undefined or empty are left out.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} parameters
 */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @template T
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function getJson(path, { signal } = {}) {
  return (await asked(path, { signal })).json();
}

/**
 * @template T
 * @param {string} path
 * @param {unknown} body
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function postJson(path, body, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await asked(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

/** @type {Record<string, string>} */
const TYPES = { json: "application/json", txt: "text/plain", skeleton: "text/plain" };

/**
 * Sends a file as it is; the server says what it read in it.
 * @param {File} file
 * @param {Record<string, string | null>} parameters
 * @returns {Promise<Server.Upload>}
 */
export async function upload(file, parameters = {}) {
  const suffix = (file.name.split(".").pop() ?? "").toLowerCase();
  const headers = { "Content-Type": TYPES[suffix] ?? "application/octet-stream" };
  const path = withQuery("/api/uploads", { name: file.name, ...parameters });
  return (await asked(path, { method: "POST", headers, body: file })).json();
}

/**
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function getBytes(path, { signal } = {}) {
  const answer = await asked(path, { signal });
  return { bytes: await answer.arrayBuffer(), headers: answer.headers };
}

/** @param {string} index */
const indexPath = (index) => `/api/indexes/${encodeURIComponent(index)}`;

/**
 * @typedef {{ signal?: AbortSignal }} Options
 * @typedef {{ where?: string | null, text?: string, offset?: number, limit?: number }} Part
 */

export const api = {
  /** @type {() => Promise<Server.Contents>} */
  library: () => getJson("/api/library"),
  /** @type {(index: string) => Promise<Server.IndexInfo>} */
  index: (index) => getJson(indexPath(index)),
  /** @type {(index: string, where: string | null, options: Options) => Promise<Server.Columns>} */
  columns: (index, where, options) => getJson(withQuery(`${indexPath(index)}/columns`, { where }), options),
  /** @type {(index: string, parameters: Part, options?: Options) => Promise<Server.Clips>} */
  clips: (index, parameters, options) => getJson(withQuery(`${indexPath(index)}/clips`, parameters), options),
  /** @type {(id: number, options?: Options) => Promise<Server.ClipInfo>} */
  clip: (id, options) => getJson(`/api/clips/${id}`, options),
  /** @type {(request: Page.Request, options: Options & { onWait?: (why: string) => void }) => Promise<Server.QueryAnswer>} */
  query: (request, options) => patiently(() => postJson("/api/query", request, options), options),
  /** @type {(request: Page.Request & { recording: string }, options: Options) => Promise<Server.Timeline>} */
  timeline: (request, options) => postJson("/api/timelines", request, options),
  /** @type {() => Promise<Server.Files>} */
  files: () => getJson("/api/files"),
  /** @type {(layout: string) => Promise<Server.Skeleton>} */
  skeleton: (layout) => getJson(withQuery("/api/skeleton", { layout })),
  /** @type {(id: string, row: number, column: number) => Promise<Server.Cell>} */
  cell: (id, row, column) => getJson(withQuery(`/api/evaluations/${id}/cell`, { true: row, found: column })),
  /** @type {(id: string, options: Options) => ReturnType<typeof getBytes>} */
  points: (id, options) => getBytes(`/api/maps/${id}/points`, options),
  /** @type {(id: string, column: string) => Promise<Server.MapColumn>} */
  mapColumn: (id, column) => getJson(`/api/maps/${id}/column/${encodeURIComponent(column)}`),
};

/** @type {(ms: number, signal?: AbortSignal) => Promise<void>} */
const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });

const MOST_WAITS = 60;

/**
 * Asks again as often as the server says when to, as while a bridge is being fitted.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {{ signal?: AbortSignal, onWait?: (why: string) => void }} options
 * @returns {Promise<T>}
 */
async function patiently(ask, { signal, onWait = () => {} }) {
  for (let waits = 0; ; waits++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 503 && error.retrySeconds && waits < MOST_WAITS)) throw error;
      onWait(error.message);
      await pause(1000 * error.retrySeconds, signal);
    }
  }
}

/**
 * A job's final state, asked for until it is done. Raises ApiError when it failed.
 * @template {keyof Server.Documents} K
 * @param {K} kind
 * @param {object} request
 * @param {{ signal?: AbortSignal, onProgress?: (share: number) => void }} [options]
 */
export async function job(kind, request, { signal, onProgress = () => {} } = {}) {
  /** @type {Server.Job<K>} */
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
