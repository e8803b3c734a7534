/** Requests to the dashboard's server. */

/**
 * Requests JSON. Throws an Error with the server's words if it cannot answer.
 *
 * @param {string} path
 * @returns {Promise<any>}
 */
export function get(path) {
  return request(path, { headers: { accept: "application/json" } });
}

/**
 * Performs an action. The token travels in a cookie.
 *
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export function post(path, body = {}) {
  return request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * The path of something of a node.
 *
 * @param {string} node
 * @param {string} what
 * @param {Record<string, string | number>} [query]
 */
export function nodePath(node, what, query = {}) {
  const text = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString();
  return `/api/nodes/${encodeURIComponent(node)}/${what}${text && `?${text}`}`;
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function request(path, options) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the dashboard does not answer");
  }
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(text.trim() || `the dashboard answered ${response.status}`);
  }
  if (!response.ok) throw new Error(answer.error ?? `the dashboard answered ${response.status}`);
  return answer;
}
