// The page of a whole history.
part("drifts").addEventListener("click", ({ target }) => {
  const drift = target.closest("button")?.dataset.drift;
  if (!drift) return;
  showTrends({ ...FIRST_TRENDS, drift: trendState.drift === drift ? "" : drift });
  writeAddress();
});

function showAboutHistory() {
  const started = trends.runs.started;
  const ids = new Set(trends.runs.id);
  const said = [`${wholeNumber.format(seriesCount)} series`, `${wholeNumber.format(ids.size)} runs`];
  if (started.length) {
    const day = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 10);
    said.push(`${day(started.reduce((one, other) => Math.min(one, other)))} to ${day(started.reduce((one, other) => Math.max(one, other)))}`);
  }
  part("about").prepend(`${said.join(" · ")} · `);
}

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select")) return;
  event.preventDefault();
  trendControl("search").focus();
});
startTheme();
showAboutHistory();
startTrends();
