// What the page shows: columns of numbers, and tables of the texts they name. report_data.py writes it.
import { part } from "./elements.js";

/** @import { ErrorMap } from "./error_charts.js" */

/** @typedef {"passed" | "failed" | "error" | "unavailable"} Outcome */
/** @typedef {"met" | "missed" | "improved" | "no-target" | "no-measurement" | "report-only"} Verdict */
/** @typedef {Record<string, unknown>} Facts A configuration or an environment. */
/**
 * @typedef {object} ReportData
 * @property {Outcome[]} outcomes
 * @property {Verdict[]} verdicts
 * @property {Pair[]} pairs
 * @property {[pair: string, reason: string][]} left_out
 * @property {number} not_shown How many results are not on the page.
 * @property {ErrorMap[]} error_maps
 * @property {number} error_maps_not_shown How many are not on the page.
 * @property {Roofline[]} rooflines
 * @property {ResultColumns} results
 * @property {MeasurementColumns} measurements
 * @property {number[][]} samples Of each measurement.
 * @property {Facts[]} facts
 * @property {string[]} texts
 */
/**
 * @typedef {object} Pair
 * @property {string} model
 * @property {string} device
 * @property {string | null} fidelity
 * @property {string | null} started
 * @property {number} environment Of the facts.
 * @property {string | null} log Its address.
 */
/**
 * What a chip of a board allows, and the tests whose limits it makes.
 *
 * @typedef {object} Roofline
 * @property {string} board
 * @property {string} source Of its figures.
 * @property {number} bytes_per_s
 * @property {[fidelity: string, multiplyAddsPerS: number][]} peaks
 * @property {RooflinePoint[]} points
 * @property {number} not_shown How many points are not on the page.
 */
/**
 * @typedef {object} RooflinePoint
 * @property {string} pair
 * @property {string} test
 * @property {string} said
 * @property {number} bytes
 * @property {number} multiply_adds
 * @property {number} limit_ms
 * @property {number | null} measured_ms
 */
/**
 * An entry for each result.
 *
 * @typedef {object} ResultColumns
 * @property {number[]} pair One beyond the last for a problem of the report.
 * @property {number[]} severity 0 for a problem.
 * @property {number[]} test Of the texts.
 * @property {number[]} check Of the texts.
 * @property {number[]} outcome
 * @property {number[]} seconds
 * @property {number[]} message Of the texts.
 * @property {number[]} config Of the facts.
 * @property {number[]} limit Of the texts: what is said of its test's limit on the board.
 * @property {number[]} error_map Of the error maps; -1 where there is none.
 * @property {number[]} measurements How many it has.
 */
/**
 * An entry for each measurement, those of a result together.
 *
 * @typedef {object} MeasurementColumns
 * @property {number[]} name Of the texts.
 * @property {number[]} unit Of the texts.
 * @property {number[]} statistic Of the texts.
 * @property {(0 | 1)[]} higher Whether higher is better.
 * @property {(number | null)[]} value
 * @property {(number | null)[]} target
 * @property {(number | null)[]} limit
 * @property {(number | null)[]} capacity
 * @property {number[]} verdict
 * @property {number[]} rounds
 */

/** @type {ReportData} */
export const data = JSON.parse(part("data").textContent);
export const outcomes = data.outcomes;
export const verdicts = data.verdicts;
export const texts = data.texts;
export const results = data.results;
export const measurements = data.measurements;
export const resultCount = results.pair.length;
const FAILING = new Set(["missed", "no-measurement"]);

/** Where the measurements of each result begin; one more entry than results. */
export const firstMeasurement = new Uint32Array(resultCount + 1);
for (let row = 0; row < resultCount; row++) {
  firstMeasurement[row + 1] = firstMeasurement[row] + results.measurements[row];
}

/** A bit for each verdict that a result's measurements have. */
export const verdictBits = new Uint8Array(resultCount);
/** The measurement that a row of the table shows, or -1. */
export const shownMeasurement = new Int32Array(resultCount);
for (let row = 0; row < resultCount; row++) {
  shownMeasurement[row] = mostTelling(row);
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++) {
    verdictBits[row] |= 1 << measurements.verdict[at];
  }
}

/**
 * A failing measurement before one with a target before one with a capacity before any.
 *
 * @param {number} row
 */
function mostTelling(row) {
  let best = -1;
  let bestRank = -1;
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++) {
    const rank = rankOf(at);
    if (rank > bestRank) [best, bestRank] = [at, rank];
  }
  return best;
}

/** @param {number} at */
function rankOf(at) {
  if (FAILING.has(verdicts[measurements.verdict[at]])) return 3;
  if (measurements.target[at] !== null) return 2;
  return measurements.capacity[at] !== null ? 1 : 0;
}

/**
 * The pair of what belongs to none.
 *
 * @type {Pair}
 */
export const REPORT = {
  model: "report",
  device: "",
  fidelity: null,
  started: null,
  environment: -1,
  log: null,
};

/** @param {number} row */
export function pairOf(row) {
  return data.pairs[results.pair[row]] ?? REPORT;
}

/** @param {Pair} pair */
export function environmentOf(pair) {
  return data.facts[pair.environment] ?? {};
}

/** @param {{ model: string, device: string }} pair */
export function pairName({ model, device }) {
  return device ? `${model}@${device}` : model;
}

/**
 * As ttci prints it everywhere; the pair alone where it is the pair that is incomplete.
 *
 * @param {number} row
 */
export function identity(row) {
  const test = texts[results.test[row]];
  const pair = pairName(pairOf(row));
  return test ? `${pair}/${test}[${texts[results.check[row]]}]` : pair;
}
