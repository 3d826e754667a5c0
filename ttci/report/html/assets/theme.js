// What every page has: its colours, an address that says what is shown, charts as wide as the screen.
import { drawCharts } from "./charts.js";
import { controlOf, inner, part } from "./elements.js";

/**
 * Each gives what it has to say in the address, as names and values.
 *
 * @type {(() => [name: string, value: unknown][])[]}
 */
export const inAddress = [];

export function writeAddress() {
  const stated = new URLSearchParams();
  for (const [name, value] of inAddress.flatMap((state) => state())) stated.append(name, String(value));
  const fragment = String(stated);
  history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
}

/** What the address states. */
export function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}

/**
 * A page's number as an address has it: from 0 on, whatever is written there.
 *
 * @param {string} value
 */
export function pageNumber(value) {
  return Math.max(0, Math.trunc(Number(value)) || 0);
}

/** @param {string} theme */
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  drawCharts(true);
}

/**
 * Storage may be forbidden to a file.
 *
 * @param {string} theme
 */
function remember(theme) {
  try {
    localStorage.setItem("ttci-theme", theme);
  } catch {
    // Then it is chosen anew next time.
  }
}

function remembered() {
  try {
    return localStorage.getItem("ttci-theme");
  } catch {
    return "";
  }
}

export function startTheme() {
  const theme = remembered();
  const isKnown = theme === "light" || theme === "dark";
  if (isKnown) inner(part("theme"), `[value="${theme}"]`, HTMLInputElement).checked = true;
  setTheme(isKnown ? theme : "");
  part("theme").addEventListener("change", (event) => {
    const { value } = controlOf(event);
    setTheme(value);
    remember(value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(true));
  let settled = 0;
  addEventListener("resize", () => {
    clearTimeout(settled);
    settled = setTimeout(() => drawCharts(true), 150);
  });
}
