// What every page has: its colours, an address that says what is shown, charts as wide as the screen.
const inAddress = []; // functions that each give what they have to say in the address, as names and values

function writeAddress() {
  const stated = inAddress.flatMap((state) => state());
  history.replaceState(null, "", stated.length ? `#${new URLSearchParams(stated)}` : location.pathname + location.search);
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  drawCharts(true);
}

/** Storage may be forbidden to a file. */
function remember(theme) {
  try {
    localStorage.setItem("ttci-theme", theme);
  } catch { /* then it is chosen anew next time */ }
}

function remembered() {
  try {
    return localStorage.getItem("ttci-theme");
  } catch {
    return "";
  }
}

function startTheme() {
  const theme = remembered();
  const isKnown = theme === "light" || theme === "dark";
  if (isKnown) part("theme").querySelector(`[value="${theme}"]`).checked = true;
  setTheme(isKnown ? theme : "");
  part("theme").addEventListener("change", ({ target }) => { setTheme(target.value); remember(target.value); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(true));
  let settled = 0;
  addEventListener("resize", () => { clearTimeout(settled); settled = setTimeout(() => drawCharts(true), 150); });
}
