// The series of the history: columns of numbers, tables of runs and texts. trend_data.py writes it.
import { part } from "./elements.js";
import { figure, toFourDigits, toSixDigits } from "./words.js";

/** @typedef {"same" | "slower" | "faster" | "new" | "gone" | "incomparable" | "too-few"} Drift */
/**
 * @typedef {object} TrendData
 * @property {string} source
 * @property {string[]} notes
 * @property {Record<string, number>} counts How often each word of drift was reached, and SUSPECTED.
 * @property {Drift[]} drifts
 * @property {number} not_shown How many series are not on the page.
 * @property {number} cut Of how many series the older points are not.
 * @property {number} most_points Of a series.
 * @property {SeriesColumns} series
 * @property {number[][]} values Of each series, oldest first.
 * @property {number[][]} windows Lists of runs, oldest first.
 * @property {RunColumns} runs
 * @property {string[]} texts
 */
/**
 * An entry for each series, the worst first.
 *
 * @typedef {object} SeriesColumns
 * @property {number[]} pair Of the texts.
 * @property {number[]} check Of the texts.
 * @property {number[]} metric Of the texts.
 * @property {number[]} unit Of the texts.
 * @property {(0 | 1)[]} higher Whether higher is better.
 * @property {number[]} drift
 * @property {(0 | 1)[]} suspected
 * @property {number[]} badness
 * @property {(number | null)[]} change
 * @property {(number | null)[]} level
 * @property {(number | null)[]} noise
 * @property {number[]} reason Of the texts.
 * @property {number[]} baseline Of the texts.
 * @property {(0 | 1)[]} has_current Whether its last value is the current run's.
 * @property {number[]} window
 * @property {number[][]} steps Positions where another level begins.
 * @property {(number | null)[][]} targets Pairs of a position and the target from there on.
 */
/**
 * An entry for each run.
 *
 * @typedef {object} RunColumns
 * @property {number[]} id Of the texts.
 * @property {number[]} started Seconds since 1970, UTC.
 * @property {number[]} host Of the texts.
 * @property {number[]} commit Of the texts.
 * @property {number[]} branch Of the texts.
 * @property {number[]} versions Of the texts.
 */
/** @typedef {"pair" | "check" | "metric" | "unit" | "reason" | "baseline"} SeriesText */
/** @typedef {"id" | "host" | "commit" | "branch" | "versions"} RunText */

/** @type {TrendData} */
export const trends = JSON.parse(part("trends-data").textContent);
export const series = trends.series;
export const seriesCount = series.pair.length;
/** @type {Record<string, string>} */
export const DRIFTS = {
  same: "same",
  slower: "slower",
  faster: "faster",
  new: "new",
  gone: "gone",
  incomparable: "incomparable",
  "too-few": "too few runs",
};
export const SUSPECTED = "suspected"; // is counted beside the words of drift
const MOVED = new Set(["slower", "faster", "looks slower", "looks faster"]);

/**
 * @param {SeriesText} column
 * @param {number} at
 */
export function seriesText(column, at) {
  return trends.texts[series[column][at]];
}

/**
 * @param {RunText} column
 * @param {number} run
 */
export function runText(column, run) {
  return trends.texts[trends.runs[column][run]];
}

/**
 * The runs of a series, oldest first.
 *
 * @param {number} at
 */
export function runsOf(at) {
  return trends.windows[series.window[at]];
}

/** @param {number} at */
export function seriesName(at) {
  return `${seriesText("pair", at)}/${seriesText("check", at)}`;
}

/** @param {number} at */
export function driftOf(at) {
  return trends.drifts[series.drift[at]];
}

/**
 * The change as a fraction, above 0 where it is for the worse; null where none is known.
 *
 * @param {number} at
 */
export function worsening(at) {
  const change = series.change[at];
  return change !== null && series.higher[at] ? -change : change;
}

/**
 * slower, looks slower, faster … : the word of drift, or what one run alone makes it look like.
 *
 * @param {number} at
 */
export function appearance(at) {
  const drift = driftOf(at);
  if (!series.suspected[at] || MOVED.has(drift)) return drift;
  return (worsening(at) ?? 0) >= 0 ? "looks slower" : "looks faster";
}

/** @param {number} at */
export function hasMoved(at) {
  return MOVED.has(appearance(at));
}

/**
 * @param {number} at
 * @param {number | null} value
 */
export function seriesQuantity(at, value) {
  const unit = seriesText("unit", at);
  return unit === "1" || value === null ? figure(value, toSixDigits) : `${figure(value)} ${unit}`;
}

/**
 * The newest value; null where the figure is gone.
 *
 * @param {number} at
 */
export function currentValue(at) {
  const values = trends.values[at];
  return series.has_current[at] ? values[values.length - 1] : null;
}

/**
 * The level that the change leads to; null where it is not known.
 *
 * @param {number} at
 */
export function levelNow(at) {
  const [level, change] = [series.level[at], series.change[at]];
  if (level === null || change === null || !series.has_current[at]) return null;
  return level > 0 ? level * (1 + change) : currentValue(at); // no change is a fraction of a level below 0
}

/**
 * 5 → 5.61 ms: the level before, and the one that the change leads to; empty where one is not known.
 *
 * @param {number} at
 */
export function fromTo(at) {
  const now = levelNow(at);
  const digits = seriesText("unit", at) === "1" ? toSixDigits : toFourDigits;
  return now === null ? "" : `${figure(series.level[at], digits)} → ${seriesQuantity(at, now)}`;
}

/**
 * The level of each stretch between change points; the current run is of none.
 *
 * @param {number} at
 * @returns {[first: number, last: number, level: number][]}
 */
export function levels(at) {
  const values = trends.values[at];
  const end = values.length - series.has_current[at];
  const starts = [0, ...series.steps[at]].filter((start) => start < end);
  return starts.map((start, position) => {
    const next = starts[position + 1] ?? end;
    const isLast = next === end;
    const known = isLast ? series.level[at] : null;
    return [start, isLast ? values.length - 1 : next - 1, known ?? median(values.slice(start, next))];
  });
}

/** @param {number[]} values */
function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The target at each position; null where there was none.
 *
 * @param {number} at
 */
export function targetsOf(at) {
  const stated = series.targets[at];
  /** @type {(number | null)[]} */
  const found = new Array(trends.values[at].length).fill(null);
  for (let entry = 0; entry < stated.length; entry += 2) found.fill(stated[entry + 1], Number(stated[entry]));
  return found;
}

/**
 * Positions of the runs whose versions are not those of the run before.
 *
 * @param {number} at
 */
export function versionChanges(at) {
  const versions = runsOf(at).map((run) => trends.runs.versions[run]);
  return versions.flatMap((stated, position) =>
    position && stated !== versions[position - 1] ? [position] : [],
  );
}

/** @param {number} run */
export function shortCommit(run) {
  return runText("commit", run).slice(0, 7);
}

/** @param {number} run */
export function dayOf(run) {
  return day(trends.runs.started[run]);
}

/** @param {number} seconds Since 1970, UTC. */
export function day(seconds) {
  return new Date(1000 * seconds).toISOString().slice(0, 10);
}
