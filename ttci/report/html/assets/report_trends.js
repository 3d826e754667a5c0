// Trends in a report: they share the page with its results, and each figure leads to its own.
const seriesByName = new Map();
for (let at = 0; at < seriesCount; at++) seriesByName.set(`${seriesName(at)} ${seriesText("metric", at)}`, at);

function seriesOf(row, at) {
  return seriesByName.get(`${identity(row)} ${texts[measurements.name[at]]}`);
}

besideFigure.push((row, at) => {
  const found = seriesOf(row, at);
  if (found === undefined || !hasMoved(found)) return null;
  const made = element("span", "moved", `${signedPercent(series.change[found] ?? 0)} ${appearance(found)}`);
  made.dataset.drift = appearance(found);
  return made;
});

besideMeasurement.push((row, at) => {
  const found = seriesOf(row, at);
  if (found === undefined) return null;
  const made = element("section", "card card-inside");
  const said = element("div", "card-said");
  const link = element("button", "to-trend", "Show among all trends");
  link.type = "button";
  link.addEventListener("click", () => { showView("trends"); reveal(found); });
  said.append(element("h3", "", "Against its history"), ...verdictOf(found), link);
  made.append(said);
  if (trends.values[found].length) made.append(trendFigure(found));
  return made;
});

/** The results or the trends. */
function showView(view) {
  part("results").hidden = view !== "results";
  part("trends").hidden = view !== "trends";
  part("views").querySelector(`[value="${view}"]`).checked = true;
  drawCharts(true);
}

function shownView() {
  return part("trends").hidden ? "results" : "trends";
}

function viewFromAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("view") === "trends" ? "trends" : "results";
}

part("views").addEventListener("change", ({ target }) => { showView(target.value); writeAddress(); });
part("drifts").addEventListener("click", ({ target }) => {
  const drift = target.closest("button")?.dataset.drift;
  if (!drift) return;
  const isOn = shownView() === "trends" && trendState.drift === drift;
  showView("trends");
  showTrends({ ...FIRST_TRENDS, drift: isOn ? "" : drift });
  writeAddress();
});
addEventListener("hashchange", () => showView(viewFromAddress()));
inAddress.push(() => (shownView() === "trends" ? [["view", "trends"]] : []));
startTrends();
showView(viewFromAddress());
