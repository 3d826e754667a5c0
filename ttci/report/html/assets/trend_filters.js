// Which trends are shown, and in which order.
import { driftOf, SUSPECTED, series, seriesCount, seriesName, seriesText } from "./trend_data.js";
import { byName } from "./words.js";

/** @typedef {typeof FIRST_TRENDS} TrendState */
/** @typedef {keyof typeof NO_TREND_FILTER} TrendFilter */

export const NO_TREND_FILTER = { search: "", pair: "", metric: "", drift: "" };
export const TREND_FILTERS = /** @type {TrendFilter[]} */ (Object.keys(NO_TREND_FILTER));
export const FIRST_TRENDS = { ...NO_TREND_FILTER, sort: "worst", page: 0 };
/** @type {Record<string, { word: string, key: ((at: number) => number) | null }>} */
export const TREND_SORTS = {
  worst: { word: "Worst first", key: null },
  name: { word: "Name", key: null },
  change: { word: "Change", key: (at) => -Math.abs(series.change[at] ?? 0) },
  noise: { word: "Noise", key: (at) => -(series.noise[at] ?? 0) },
};
export const trendState = { ...FIRST_TRENDS };
/** @type {string[] | null} */
let loweredTrends = null; // names and reasons in lower case, from the first search on

/** The series that pass every filter, in the order that is asked for. */
export function passingTrends() {
  const { search, pair, metric, drift, sort } = trendState;
  /** @type {((at: number) => boolean)[]} */
  const tests = [];
  if (pair) tests.push((at) => seriesText("pair", at) === pair);
  if (metric) tests.push((at) => seriesText("metric", at) === metric);
  if (drift === SUSPECTED) tests.push((at) => series.suspected[at] === 1);
  else if (drift) tests.push((at) => driftOf(at) === drift);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) tests.push(holding(words));
  const found = [];
  for (let at = 0; at < seriesCount; at++) if (tests.every((test) => test(at))) found.push(at);
  return inTrendOrder(found, sort);
}

/**
 * Whether a series' names or reason hold every word.
 *
 * @param {string[]} words
 */
function holding(words) {
  const lowered = loweredTrends ?? Array.from({ length: seriesCount }, (_, at) => searchedText(at));
  loweredTrends = lowered;
  /** @param {number} at */
  return (at) => words.every((word) => lowered[at].includes(word));
}

/** @param {number} at */
function searchedText(at) {
  return `${seriesName(at)} ${seriesText("metric", at)} ${seriesText("reason", at)}`.toLowerCase();
}

/**
 * @param {number[]} found
 * @param {string} sort
 */
function inTrendOrder(found, sort) {
  const { key } = TREND_SORTS[sort];
  if (key) return found.sort((one, other) => key(one) - key(other) || one - other);
  return sort === "name" ? found.sort((one, other) => byName(seriesName(one), seriesName(other))) : found;
}
