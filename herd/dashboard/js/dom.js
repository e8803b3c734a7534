/**
 * Makes elements. Text is always text: nothing on this page parses HTML that came from a herd.
 *
 * @typedef {string | number | Node | null | undefined} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an HTML element. A function becomes a listener (`onclick`); `true` sets an attribute without
 * a value; `false`, null and undefined leave it out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * Makes an SVG element.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function drawing(tag, attributes = {}, ...children) {
  const made = /** @type {SVGElementTagNameMap[Tag]} */ (document.createElementNS(SVG, tag));
  return filled(made, attributes, children);
}

/**
 * @template {Element} T
 * @param {T} made
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child != null) made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

/**
 * Returns an element of index.html.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element ${id}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * Sets text only if it differs, so that a screen reader does not repeat it.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes a table from rows of text or ready cells. The first column names the row.
 *
 * @param {string} caption
 * @param {string[]} head
 * @param {Child[][]} rows
 */
export function table(caption, head, rows) {
  return element("table", {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, name), ...cells.map((cell) => cell instanceof HTMLTableCellElement ? cell : element("td", {}, cell))))));
}

/**
 * Why the page cannot act on the herd, if it cannot.
 *
 * @param {import("./types.js").Herd} herd
 */
export function whyNot({ may_act, why_not }) {
  return may_act ? [] : [element("p", { class: "why-not" }, why_not ?? "This page only looks.")];
}

/**
 * Returns the colour of a custom property as the canvas takes it, in the scheme of the moment.
 *
 * @param {string} property
 */
export function colour(property) {
  probe.style.color = `var(${property})`;
  if (!probe.isConnected) document.body.append(probe);
  return getComputedStyle(probe).color;
}
const probe = element("span", { hidden: true });

/** Whether the reader has asked for less motion. */
export const stillness = matchMedia("(prefers-reduced-motion: reduce)");
