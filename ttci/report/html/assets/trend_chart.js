// The chart of a series: its runs in order, each host with a mark of its own.
const TREND_HEIGHT = 210; // CSS pixels
const MOST_HOSTS = 6; // that are told apart in one chart
const LEAST_REACH = 0.08; // of the value, from the bottom of a chart to its top
const OUTERMOST = 0.02; // of the values on either side: they do not set the scale
const AROUND = 0.5; // of the reach of all others: so far beyond it the outermost are still drawn where they are
// Within a circle of radius 1.
const SHAPES = [
  "M1,0A1,1 0 1 1 -1,0A1,1 0 1 1 1,0Z",
  "M-.9,-.9H.9V.9H-.9Z",
  "M0,-1.15L1.1,.8H-1.1Z",
  "M0,-1.25L1.25,0L0,1.25L-1.25,0Z",
  "M0,1.15L1.1,-.8H-1.1Z",
  "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
];
const EDGE_SHARE = 0.16; // of a chart, where runs beyond it stand
const compactNumber = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const OTHER_HOSTS = -1;
const shapePaths = SHAPES.map((shape) => new Path2D(shape));
const openRing = new Path2D("M.8,0A.8,.8 0 1 1 -.8,0A.8,.8 0 1 1 .8,0Z");

/** The hosts of a series, that of the newest run first, then those with the most runs. */
function hostsOf(at) {
  const runs = runsOf(at);
  const counted = new Map();
  for (const run of runs) counted.set(trends.runs.host[run], (counted.get(trends.runs.host[run]) ?? 0) + 1);
  const newest = trends.runs.host[runs.at(-1)];
  const ranked = [...counted].sort((one, other) => (other[0] === newest) - (one[0] === newest) || other[1] - one[1]).map(([host]) => host);
  const told = ranked.length <= MOST_HOSTS ? ranked : ranked.slice(0, MOST_HOSTS - 1);
  return { told, others: ranked.length - told.length };
}

/** Chart, what stands at the cursor, and what the marks are. */
function trendFigure(at) {
  const made = element("figure", "trend");
  const canvas = element("div", "trend-canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", `${trendSummary(at)}. The arrow keys go from run to run.`);
  const readout = element("p", "readout");
  const hosts = hostsOf(at);
  const showRun = (position) => readout.replaceChildren(...runFacts(at, position));
  const entry = drawWhenNear(canvas, (size) => trendPlot(at, hosts, size, showRun));
  canvas.addEventListener("keydown", (event) => stepCursor(event, entry, at));
  canvas.addEventListener("blur", () => { readout.removeAttribute("aria-live"); });
  canvas.addEventListener("focus", () => { readout.setAttribute("aria-live", "polite"); });
  showRun(null);
  made.append(canvas, readout, trendKey(at, hosts));
  return made;
}

function trendSummary(at) {
  const values = trends.values[at];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const steps = series.steps[at].length;
  const changed = steps ? `, ${steps} change ${steps === 1 ? "point" : "points"}` : "";
  return `${seriesText("metric", at)} of ${values.length} runs, from ${seriesQuantity(at, least)} to ${seriesQuantity(at, most)}${changed}`;
}

/** One run in words; the newest where none is pointed at. */
function runFacts(at, position) {
  const runs = runsOf(at);
  const place = position ?? runs.length - 1;
  const run = runs[place];
  const isCurrent = series.has_current[at] && place === runs.length - 1;
  const target = targetsOf(at)[place];
  const facts = [
    runText("commit", run) ? shortCommit(run) : "no commit", dayOf(run), runText("branch", run), runText("host", run),
    runText("versions", run), target === null ? "" : `target ${seriesQuantity(at, target)}`,
  ];
  const head = element("b", "", seriesQuantity(at, trends.values[at][place]));
  return [element("span", "which", isCurrent ? "this run" : `run ${place + 1} of ${runs.length}`), head, ...facts.filter(Boolean).map((fact) => element("span", "", fact))];
}

function stepCursor(event, { plot }, at) {
  const last = runsOf(at).length - 1;
  const from = plot?.cursor.idx ?? last;
  const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
  if (!plot || to === undefined) return;
  event.preventDefault();
  plot.setCursor({ left: plot.valToPos(Math.max(0, Math.min(last, to)), "x"), top: 0 });
}

/** What each mark of the chart is. */
function trendKey(at, { told, others }) {
  const made = element("p", "key trend-key");
  made.append(...told.map((host, rank) => hostKey(rank, trends.texts[host] || "unknown host")));
  if (others) made.append(hostKey(OTHER_HOSTS, `${others} other hosts`));
  made.append(element("span", "line level", "level"));
  if (series.steps[at].length) made.append(element("span", "line change", "change point"));
  const target = targetsOf(at).at(-1) ?? null;
  const isDrawn = target !== null && isNearTrend(reachOf(at), target);
  if (target !== null) made.append(element("span", isDrawn ? "line dashed" : "", isDrawn ? "target" : `target ${seriesQuantity(at, target)}, off the chart`));
  const axis = axisOf(at);
  const beyond = trends.values[at].filter((value) => beyondChart(axis, value)).length;
  if (beyond) made.append(element("span", "beyond", `${beyond} beyond the chart`));
  if (versionChanges(at).length) made.append(element("span", "line versions", "other versions"));
  if (series.has_current[at]) made.append(element("span", "ring", "this run"));
  return made;
}

function hostKey(rank, name) {
  const namespace = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(namespace, "svg");
  image.setAttribute("viewBox", "-1.4 -1.4 2.8 2.8");
  image.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", SHAPES[rank] ?? SHAPES[0]);
  image.append(path);
  const made = element("span", rank === OTHER_HOSTS ? "host host-others" : `host host-${rank}`);
  made.append(image, name);
  return made;
}

/** Positions of the runs whose versions are not those of the run before. */
function versionChanges(at) {
  const versions = runsOf(at).map((run) => trends.runs.versions[run]);
  return versions.flatMap((stated, position) => (position && stated !== versions[position - 1] ? [position] : []));
}

/** From where to where values are drawn, and how far that is: what hardly changes shall not look wild, and
 * no outlier flattens the rest. Every level is inside, also the one that a change that is called leads to. */
function reachOf(at) {
  const values = trends.values[at];
  const sorted = Float64Array.from(values).sort();
  const cut = sorted.length > 2 ? Math.max(1, Math.floor(OUTERMOST * sorted.length)) : 0;
  const called = ["slower", "faster"].includes(driftOf(at)) ? levelNow(at) : null;
  const inside = [sorted[cut], sorted[sorted.length - 1 - cut], ...levels(at).map(([, , level]) => level), ...(called === null ? [] : [called])];
  const [low, high] = [Math.min(...inside), Math.max(...inside)];
  const share = seriesText("unit", at) === "1" ? 0.001 : LEAST_REACH; // a correlation is all in its last digits
  const around = AROUND * Math.max(high - low, share * Math.abs(low + high) / 2);
  const near = values.filter((value) => value >= low - around && value <= high + around);
  const [least, most] = [Math.min(low, ...near), Math.max(high, ...near)];
  const middle = (least + most) / 2;
  const half = Math.max(most - least, share * Math.abs(middle)) / 2 || 0.5;
  return [middle - half, middle + half, 2 * half];
}

/** Whether a target can be drawn without squeezing the runs into a corner. */
function isNearTrend([least, most, range], target) {
  return target >= least - 1.5 * range && target <= most + 1.5 * range;
}

/** The bottom and the top of a chart, with room on the sides where runs lie beyond it. */
function axisOf(at) {
  const reach = reachOf(at);
  const [least, most, range] = reach;
  const targets = targetsOf(at).filter((target) => target !== null && isNearTrend(reach, target));
  const [low, high] = [Math.min(least, ...targets), Math.max(most, ...targets)];
  const edge = (side) => (trends.values[at].some((value) => beyondChart([low, high], value) === side) ? EDGE_SHARE * (high - low) : 0);
  return [low - 0.1 * range - edge(-1), high + 0.16 * range + edge(1)];
}

/** 1 for what lies above a chart, -1 below, 0 on it. */
function beyondChart([bottom, top], value) {
  return Number(value > top) - Number(value < bottom);
}

function trendPlot(at, hosts, { width }, showRun) {
  const values = trends.values[at];
  const axis = axisOf(at);
  const margin = 0.5 + (12 * values.length) / width; // room for the ring around the newest run
  const options = base({ width, height: TREND_HEIGHT }, {
    x: { time: false, range: () => [-margin, values.length - 1 + margin] },
    y: { range: () => axis },
  });
  options.series = [{}, { paths: () => null, points: { show: false } }];
  options.cursor = { show: true, y: false, points: { show: false }, drag: { x: false, y: false } };
  options.padding = [8, 26, 0, 0];
  options.axes[0].splits = () => labelledRuns(values.length, width);
  options.axes[0].values = (_, positions) => positions.map((position) => shortCommit(runsOf(at)[position]) || dayOf(runsOf(at)[position]));
  options.axes[1].size = 58;
  options.axes[1].values = (_, ticks) => ticks.map((tick) => (Math.abs(tick) >= 1e6 ? compactNumber.format(tick) : figure(tick, toSixDigits)));
  options.hooks = {
    draw: [(plot) => drawTrend(plot, at, hosts, axis)],
    setCursor: [(plot) => showRun(plot.cursor.idx ?? null)],
  };
  return { options, columns: [values.map((_, position) => position), values] };
}

/** As many as have room for a commit below them, counted from the newest. */
function labelledRuns(count, width) {
  const step = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width - 70) / 78))));
  const found = [];
  for (let position = count - 1; position >= 0; position -= step) found.unshift(position);
  return found;
}
