/** The switch between the colours of the system, light and dark. */

import { byId } from "./dom.js";

const THEMES = ["auto", "light", "dark"];
const KEY = "herd-colours";

/** @param {() => void} changed */
export function watchTheme(changed) {
  const button = byId("theme");
  /** @param {string} theme */
  const use = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Colours: ${theme}`;
  };
  use(THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto");
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "auto";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    localStorage.setItem(KEY, next);
    use(next);
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
