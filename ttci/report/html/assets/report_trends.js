// Trends in a report: they share the page with its results, and each figure leads to its own.
import { drawCharts } from "./charts.js";
import { identity, measurements, texts } from "./data.js";
import { besideMeasurement } from "./details.js";
import { around, controlOf, element, inner, part } from "./elements.js";
import { besideFigure } from "./table.js";
import { inAddress, readAddress, writeAddress } from "./theme.js";
import { verdictOf } from "./trend_cards.js";
import { trendFigure } from "./trend_chart.js";
import { appearance, hasMoved, series, seriesCount, seriesName, seriesText, trends } from "./trend_data.js";
import { FIRST_TRENDS, trendState } from "./trend_filters.js";
import { reveal, showTrends, startTrends } from "./trends.js";
import { signedPercent } from "./words.js";

/** @type {Map<string, number>} */
const seriesByName = new Map();
for (let at = 0; at < seriesCount; at++)
  seriesByName.set(`${seriesName(at)} ${seriesText("metric", at)}`, at);

/**
 * @param {number} row
 * @param {number} at
 */
function seriesOf(row, at) {
  return seriesByName.get(`${identity(row)} ${texts[measurements.name[at]]}`);
}

/**
 * @param {number} row
 * @param {number} at
 */
function movedOf(row, at) {
  const found = seriesOf(row, at);
  if (found === undefined || !hasMoved(found)) return null;
  const made = element("span", "moved", `${signedPercent(series.change[found] ?? 0)} ${appearance(found)}`);
  made.dataset.drift = appearance(found);
  return made;
}

/**
 * @param {number} row
 * @param {number} at
 */
function historyOf(row, at) {
  const found = seriesOf(row, at);
  if (found === undefined) return null;
  const made = element("section", "card card-inside");
  const said = element("div", "card-said");
  const link = element("button", "to-trend", "Show among all trends");
  link.type = "button";
  link.addEventListener("click", () => {
    showView("trends");
    reveal(found);
  });
  said.append(element("h3", "", "Against its history"), ...verdictOf(found), link);
  made.append(said);
  if (trends.values[found].length) made.append(trendFigure(found));
  return made;
}

/** @param {string} view The results or the trends. */
function showView(view) {
  part("results").hidden = view !== "results";
  part("trends").hidden = view !== "trends";
  inner(part("views"), `[value="${view}"]`, HTMLInputElement).checked = true;
  drawCharts(true);
}

function shownView() {
  return part("trends").hidden ? "results" : "trends";
}

function viewFromAddress() {
  return readAddress().get("view") === "trends" ? "trends" : "results";
}

/** @param {Event} event */
function filterByDrift(event) {
  const drift = around(event, "button")?.dataset.drift;
  if (!drift) return;
  const isOn = shownView() === "trends" && trendState.drift === drift;
  showView("trends");
  showTrends({ ...FIRST_TRENDS, drift: isOn ? "" : drift });
  writeAddress();
}

export function startReportTrends() {
  besideFigure.push(movedOf);
  besideMeasurement.push(historyOf);
  part("views").addEventListener("change", (event) => {
    showView(controlOf(event).value);
    writeAddress();
  });
  part("drifts").addEventListener("click", filterByDrift);
  addEventListener("hashchange", () => showView(viewFromAddress()));
  inAddress.push(() => (shownView() === "trends" ? [["view", "trends"]] : []));
  startTrends();
  showView(viewFromAddress());
}
