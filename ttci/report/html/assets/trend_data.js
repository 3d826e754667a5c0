// The series of the history: columns of numbers, tables of runs and texts.
const trends = JSON.parse(part("trends-data").textContent);
const series = trends.series;
const seriesCount = series.pair.length;
const DRIFTS = {
  same: "same",
  slower: "slower",
  faster: "faster",
  new: "new",
  gone: "gone",
  incomparable: "incomparable",
  "too-few": "too few runs",
};
const SUSPECTED = "suspected"; // is counted beside the words of drift
const MOVED = new Set(["slower", "faster", "looks slower", "looks faster"]);

function seriesText(column, at) {
  return trends.texts[series[column][at]];
}

function runText(column, run) {
  return trends.texts[trends.runs[column][run]];
}

/** The runs of a series, oldest first. */
function runsOf(at) {
  return trends.windows[series.window[at]];
}

function seriesName(at) {
  return `${seriesText("pair", at)}/${seriesText("check", at)}`;
}

function driftOf(at) {
  return trends.drifts[series.drift[at]];
}

/** The change as a fraction, above 0 where it is for the worse; null where none is known. */
function worsening(at) {
  const change = series.change[at];
  return change === null ? null : series.higher[at] ? -change : change;
}

/** slower, looks slower, faster … : the word of drift, or what one run alone makes it look like. */
function appearance(at) {
  const drift = driftOf(at);
  if (!series.suspected[at] || MOVED.has(drift)) return drift;
  return worsening(at) >= 0 ? "looks slower" : "looks faster";
}

function hasMoved(at) {
  return MOVED.has(appearance(at));
}

function seriesQuantity(at, value) {
  const unit = seriesText("unit", at);
  return unit === "1" || value === null ? figure(value, toSixDigits) : `${figure(value)} ${unit}`;
}

/** The newest value; null where the figure is gone. */
function currentValue(at) {
  return series.has_current[at] ? trends.values[at].at(-1) : null;
}

/** The level that the change leads to; null where it is not known. */
function levelNow(at) {
  const [level, change] = [series.level[at], series.change[at]];
  if (level === null || change === null || !series.has_current[at]) return null;
  return level > 0 ? level * (1 + change) : currentValue(at); // no change is a fraction of a level below 0
}

/** 5 → 5.61 ms: the level before, and the one that the change leads to; empty where one is not known. */
function fromTo(at) {
  const now = levelNow(at);
  const isShare = seriesText("unit", at) === "1";
  return now === null ? "" : `${figure(series.level[at], isShare ? toSixDigits : toFourDigits)} → ${seriesQuantity(at, now)}`;
}

/** The level of each stretch between change points, as [first, last, level]; the current run is of none. */
function levels(at) {
  const values = trends.values[at];
  const end = values.length - series.has_current[at];
  const starts = [0, ...series.steps[at]].filter((start) => start < end);
  return starts.map((start, position) => {
    const next = starts[position + 1] ?? end;
    const isLast = next === end;
    const level = isLast && series.level[at] !== null ? series.level[at] : median(values.slice(start, next));
    return [start, isLast ? values.length - 1 : next - 1, level];
  });
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The target at each position; null where there was none. */
function targetsOf(at) {
  const stated = series.targets[at];
  const found = new Array(trends.values[at].length).fill(null);
  for (let entry = 0; entry < stated.length; entry += 2) found.fill(stated[entry + 1], stated[entry]);
  return found;
}

function shortCommit(run) {
  return runText("commit", run).slice(0, 7);
}

function dayOf(run) {
  return new Date(1000 * trends.runs.started[run]).toISOString().slice(0, 10);
}
