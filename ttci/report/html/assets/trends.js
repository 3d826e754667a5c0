// The trends: which are shown, in which order, a page of them at a time.
const CARDS_A_PAGE = 20;
const MOST_MOVERS = 8;
const NO_TREND_FILTER = { search: "", pair: "", metric: "", drift: "" };
const FIRST_TRENDS = { ...NO_TREND_FILTER, sort: "worst", page: 0 };
const TREND_SORTS = {
  worst: { word: "Worst first", key: null },
  name: { word: "Name", key: null },
  change: { word: "Change", key: (at) => -Math.abs(series.change[at] ?? 0) },
  noise: { word: "Noise", key: (at) => -(series.noise[at] ?? 0) },
};
const trendForm = part("trend-filters");
const trendState = { ...FIRST_TRENDS };
let chosenTrends = [];
let loweredTrends = null; // names and reasons in lower case, from the first search on

function trendControl(name) {
  return trendForm.elements[`trend-${name}`];
}

function showTrendChoices() {
  const names = (column) => [...new Set(series[column])].map((position) => trends.texts[position]).sort(byName);
  const plainly = (values) => values.map((value) => [value, value]);
  const reached = [...trends.drifts, SUSPECTED].filter((word) => trends.counts[word]);
  const choices = { pair: plainly(names("pair")), metric: plainly(names("metric")), drift: reached.map((word) => [word, DRIFTS[word] ?? word]) };
  for (const [name, values] of Object.entries(choices)) {
    trendControl(name).append(option("", "All"), ...values.map(([value, word]) => option(value, word)));
  }
  trendControl("sort").append(...Object.entries(TREND_SORTS).map(([value, { word }]) => option(value, word)));
}

/** The series that pass every filter, in the order that is asked for. */
function passingTrends() {
  const { search, pair, metric, drift, sort } = trendState;
  const tests = [];
  if (pair) tests.push((at) => seriesText("pair", at) === pair);
  if (metric) tests.push((at) => seriesText("metric", at) === metric);
  if (drift) tests.push(drift === SUSPECTED ? (at) => series.suspected[at] : (at) => driftOf(at) === drift);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    loweredTrends ??= Array.from({ length: seriesCount }, (_, at) => `${seriesName(at)} ${seriesText("metric", at)} ${seriesText("reason", at)}`.toLowerCase());
    tests.push((at) => words.every((word) => loweredTrends[at].includes(word)));
  }
  const found = [];
  for (let at = 0; at < seriesCount; at++) if (tests.every((test) => test(at))) found.push(at);
  return inTrendOrder(found, sort);
}

function inTrendOrder(found, sort) {
  const { key } = TREND_SORTS[sort];
  if (key) return found.sort((one, other) => key(one) - key(other) || one - other);
  return sort === "name" ? found.sort((one, other) => byName(seriesName(one), seriesName(other))) : found;
}

/** Show what the state asks for. */
function showTrends(change = {}) {
  Object.assign(trendState, { page: 0 }, change);
  chosenTrends = passingTrends();
  trendState.page = Math.max(0, Math.min(trendState.page, Math.ceil(chosenTrends.length / CARDS_A_PAGE) - 1));
  for (const name of [...Object.keys(NO_TREND_FILTER), "sort"]) {
    if (trendControl(name).value !== trendState[name]) trendControl(name).value = trendState[name];
  }
  for (const button of document.querySelectorAll(".drift-count")) button.setAttribute("aria-pressed", button.dataset.drift === trendState.drift);
  part("trend-reset").hidden = Object.keys(NO_TREND_FILTER).every((name) => trendState[name] === "");
  const from = trendState.page * CARDS_A_PAGE;
  const page = chosenTrends.slice(from, from + CARDS_A_PAGE);
  part("cards").replaceChildren(...page.map(trendCard));
  showTrendPages(from, page.length);
  drawCharts();
}

function showTrendPages(from, count) {
  const many = (number) => wholeNumber.format(number);
  const all = chosenTrends.length;
  part("trends-found").textContent = all === seriesCount ? `${many(all)} series` : `${many(all)} of ${many(seriesCount)} series`;
  part("trend-pages").hidden = all <= CARDS_A_PAGE;
  part("trend-page").textContent = `${many(from + 1)}–${many(from + count)} of ${many(all)}`;
  part("trend-previous").disabled = trendState.page === 0;
  part("trend-next").disabled = from + count >= all;
}

/** Verdict and reason of a series beside its chart. */
function trendCard(at) {
  const made = element("article", "card");
  made.id = `trend-${at}`;
  made.tabIndex = -1;
  const said = element("div", "card-said");
  const name = element("h3", "", seriesText("check", at));
  said.append(name, element("p", "card-where", `${seriesText("pair", at)} · ${seriesText("metric", at)}`), ...verdictOf(at));
  made.append(said);
  if (trends.values[at].length) made.append(trendFigure(at));
  return made;
}

/** The word of drift, the figure now and before, the reason, and what it is compared with. */
function verdictOf(at) {
  const value = element("p", "card-value");
  if (series.has_current[at]) value.append(element("b", "", seriesQuantity(at, currentValue(at))), element("span", "", "this run"));
  if (series.level[at] !== null) value.append(element("span", "", `level ${fromTo(at) || seriesQuantity(at, series.level[at])}`));
  if (series.change[at] !== null) value.append(element("span", "share", signedPercent(series.change[at])));
  const head = element("p", "", driftBadge(at));
  const compared = [seriesText("baseline", at), series.noise[at] === null ? "" : `noise ${percent(Number(series.noise[at].toPrecision(2)))} a run`];
  return [head, value, element("p", "card-reason", seriesText("reason", at)), element("p", "card-baseline", compared.filter(Boolean).join(" · "))];
}

function driftBadge(at) {
  const shown = appearance(at);
  const badge = element("span", "verdict-badge", DRIFTS[shown] ?? shown);
  badge.dataset.drift = shown;
  return badge;
}

/** How often each word of drift was reached, each a filter. */
function showDriftCounts() {
  const buttons = [...trends.drifts, SUSPECTED].filter((word) => trends.counts[word]).map((word) => {
    const button = element("button", "drift-count");
    button.type = "button";
    button.dataset.drift = word;
    button.append(element("b", "", wholeNumber.format(trends.counts[word])), ` ${DRIFTS[word] ?? word}`);
    return button;
  });
  part("drifts").append(element("span", "lead", "History"), ...buttons);
}

/** What is to be said of the history itself, and what of it is not here. */
function showTrendNotes() {
  const notes = trends.notes.map((note) => `History ${trends.source}: ${note}`);
  if (trends.not_shown) notes.unshift(`${wholeNumber.format(trends.not_shown)} more series are not on this page, which would be too large.`);
  if (trends.cut) notes.push(`Of ${wholeNumber.format(trends.cut)} series only the newest ${trends.most_points} runs are on this page.`);
  showNoteList("trend-notes", notes);
}

/** What changed most, for the worse first. */
function showMovers() {
  const moved = [];
  for (let at = 0; at < seriesCount && moved.length < MOST_MOVERS; at++) if (hasMoved(at)) moved.push(at);
  if (!moved.length) return;
  const most = Math.max(...moved.map((at) => Math.abs(series.change[at] ?? 0)));
  part("movers").querySelector("ol").append(...moved.map((at) => moverLine(at, most)));
  part("movers").hidden = false;
}

function moverLine(at, most) {
  const made = element("li");
  const button = element("button", "mover");
  button.type = "button";
  button.dataset.series = at;
  const name = element("span", "mover-name", seriesText("check", at));
  name.append(element("span", "mover-where", `${seriesText("pair", at)} · ${seriesText("metric", at)}`));
  const change = series.change[at] === null ? "" : signedPercent(series.change[at]);
  button.append(driftBadge(at), name, changeBar(at, most), element("span", "mover-change", change), element("span", "mover-from", fromTo(at)));
  made.append(button);
  return made;
}

/** From the middle to the right for the worse, to the left for the better. */
function changeBar(at, most) {
  const made = element("span", "change-bar");
  made.setAttribute("aria-hidden", "true");
  const worse = worsening(at) ?? 0;
  const bar = element("span", worse >= 0 ? "worse" : "better");
  bar.style.width = `${(50 * Math.abs(worse)) / (most || 1)}%`;
  bar.dataset.drift = appearance(at);
  made.append(bar);
  return made;
}

/** Go to the card of a series, on whichever page it lies. */
function reveal(at) {
  showTrends({ ...FIRST_TRENDS });
  showTrends({ page: Math.floor(chosenTrends.indexOf(at) / CARDS_A_PAGE) });
  writeAddress();
  const card = part(`trend-${at}`);
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

function turnTrends(pages) {
  showTrends({ page: trendState.page + pages });
  writeAddress();
  part("trends-found").scrollIntoView({ block: "start" });
}

/** What the address asks for; a name that no filter offers is no filter. */
function trendsFromAddress() {
  const asked = { ...FIRST_TRENDS };
  for (const [stated, value] of new URLSearchParams(location.hash.slice(1))) {
    const name = stated.startsWith("trend-") ? stated.slice("trend-".length) : "";
    if (name === "search") asked.search = value;
    else if (name === "page") asked.page = Math.max(0, Math.trunc(Number(value)) || 0);
    else if (name in FIRST_TRENDS && [...trendControl(name).options].some((entry) => entry.value === value)) asked[name] = value;
  }
  return asked;
}

function listenToTrends() {
  const change = (stated) => { showTrends(stated); writeAddress(); };
  trendForm.addEventListener("input", ({ target }) => change({ [target.name.slice("trend-".length)]: target.value }));
  trendForm.addEventListener("submit", (event) => event.preventDefault());
  part("trend-reset").addEventListener("click", () => { change({ ...NO_TREND_FILTER }); trendControl("search").focus(); });
  part("trend-previous").addEventListener("click", () => turnTrends(-1));
  part("trend-next").addEventListener("click", () => turnTrends(1));
  part("movers").addEventListener("click", ({ target }) => {
    const line = target.closest(".mover");
    if (line) reveal(Number(line.dataset.series));
  });
  addEventListener("hashchange", () => showTrends(trendsFromAddress()));
}

/** The address is read here and written only once others have read it too. */
function startTrends() {
  showDriftCounts();
  showTrendNotes();
  showMovers();
  showTrendChoices();
  listenToTrends();
  showTrends(trendsFromAddress());
  inAddress.push(() => Object.entries(trendState).filter(([name, value]) => value !== FIRST_TRENDS[name]).map(([name, value]) => [`trend-${name}`, value]));
}
