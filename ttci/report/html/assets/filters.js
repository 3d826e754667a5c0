// Which results are shown, and in which order.
import {
  data,
  measurements,
  outcomes,
  pairName,
  pairOf,
  REPORT,
  resultCount,
  results,
  shownMeasurement,
  texts,
  verdictBits,
  verdicts,
} from "./data.js";
import { distanceFromTarget } from "./measurements.js";
import { byName } from "./words.js";

/** @import { Outcome, Pair, Verdict } from "./data.js" */
/** @typedef {typeof FIRST} State */
/** @typedef {keyof typeof NOTHING} FilterName */
/** @typedef {(row: number) => boolean} Test */

export const NOTHING = { search: "", model: "", device: "", check: "", outcome: "", verdict: "" };
export const FILTER_NAMES = /** @type {FilterName[]} */ (Object.keys(NOTHING));
export const FIRST = { ...NOTHING, sort: "severity", descending: false, page: 0 };
export const state = { ...FIRST };
/** @type {Record<string, string>} */
export const SORTS = {
  severity: "Worst first",
  test: "Test",
  model: "Model",
  device: "Device",
  check: "Check",
  measured: "Measured",
  against: "Against target",
  seconds: "Seconds",
};
/** @type {string[] | null} */
let lowered = null; // the texts in lower case, from the first search on

/** The rows that pass every filter, in the order of the table. */
export function chosenRows() {
  const pass = passing();
  const chosen = [];
  for (let row = 0; row < resultCount; row++) if (pass(row)) chosen.push(row);
  return sorted(chosen);
}

/** @returns {Test} */
function passing() {
  /** @type {Test[]} */
  const tests = [];
  const outcome = outcomes.indexOf(/** @type {Outcome} */ (state.outcome));
  const verdict = 1 << verdicts.indexOf(/** @type {Verdict} */ (state.verdict));
  const check = texts.indexOf(state.check);
  if (state.outcome) tests.push((row) => results.outcome[row] === outcome);
  if (state.check) tests.push((row) => results.check[row] === check);
  if (state.verdict) tests.push((row) => (verdictBits[row] & verdict) !== 0);
  if (state.model || state.device) tests.push(ofPairs(isAskedFor));
  for (const word of state.search
    .toLowerCase()
    .split(/[\s/[\]]+/)
    .filter(Boolean))
    tests.push(holding(word));
  return (row) => tests.every((test) => test(row));
}

/** @param {Pair} pair */
function isAskedFor({ model, device }) {
  return (!state.model || model === state.model) && (!state.device || device === state.device);
}

/**
 * Whether a row's pair passes a test, which is made once for each pair.
 *
 * @param {(pair: Pair) => boolean} test
 * @returns {Test}
 */
function ofPairs(test) {
  const flags = [...data.pairs, REPORT].map(test); // the last for what belongs to none
  return (row) => flags[results.pair[row]];
}

/**
 * Whether a row's names or message hold a word; an identity is several.
 *
 * @param {string} word
 * @returns {Test}
 */
function holding(word) {
  lowered ??= texts.map((text) => text.toLowerCase());
  const found = lowered.map((text) => text.includes(word));
  const isInPair = ofPairs((pair) => pairName(pair).toLowerCase().includes(word));
  const { test, check, message } = results;
  return (row) => found[test[row]] || found[check[row]] || found[message[row]] || isInPair(row);
}

/**
 * Rows without the figure to sort by come last, either way.
 *
 * @param {number[]} rows
 */
function sorted(rows) {
  const keys = sortKeys();
  if (!keys) return state.descending ? rows.reverse() : rows;
  const present = rows.filter((row) => keys[row] !== Infinity);
  const absent = rows.filter((row) => keys[row] === Infinity);
  const sign = state.descending ? -1 : 1;
  present.sort((one, other) => sign * (keys[one] - keys[other]) || one - other);
  return [...present, ...absent];
}

/** A number for each row to sort by, Infinity for none; null for the order that the data comes in. */
function sortKeys() {
  switch (state.sort) {
    case "test":
      return byRank(results.test.map((position) => texts[position]));
    case "check":
      return byRank(results.check.map((position) => texts[position]));
    case "model":
      return byRank(results.pair.map((_, row) => pairOf(row).model));
    case "device":
      return byRank(results.pair.map((_, row) => pairOf(row).device));
    case "measured":
      return byFigure((row) => measurements.value[shownMeasurement[row]]);
    case "against":
      return byFigure((row) => distanceFromTarget(shownMeasurement[row]));
    case "seconds":
      return byFigure((row) => results.seconds[row]);
    default:
      return null;
  }
}

/** @param {(row: number) => number | null | undefined} key */
function byFigure(key) {
  return Float64Array.from({ length: resultCount }, (_, row) => key(row) ?? Infinity);
}

/**
 * The place of each row's name among all names.
 *
 * @param {string[]} names
 */
function byRank(names) {
  const ranks = new Map([...new Set(names)].sort(byName).map((name, rank) => [name, rank]));
  return Float64Array.from(names, (name) => Number(ranks.get(name)));
}
