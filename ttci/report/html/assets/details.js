// What an opened row shows: message, measurements, charts, configuration, where it ran.
import { capacityBar, ofCapacity, targetBar } from "./bars.js";
import {
  data,
  environmentOf,
  firstMeasurement,
  identity,
  measurements,
  pairOf,
  results,
  texts,
  verdicts,
} from "./data.js";
import { element } from "./elements.js";
import { errorPictures } from "./error_charts.js";
import { againstTarget, quantity } from "./measurements.js";
import { sampleCharts } from "./sample_charts.js";
import { VERDICTS } from "./words.js";

/** @import { Facts } from "./data.js" */

/**
 * What others add to an opened measurement.
 *
 * @type {((row: number, at: number) => HTMLElement | null)[]}
 */
export const besideMeasurement = [];

/** @param {number} row */
export function details(row) {
  const made = element("div", "details");
  made.append(linksOf(row));
  const limit = texts[results.limit[row]];
  if (limit) made.append(element("p", "said", `${limit}: the shortest time that the board allows`));
  const message = texts[results.message[row]];
  if (message) made.append(element("pre", "message", message));
  made.append(...errorOf(row));
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++)
    made.append(measurementBlock(row, at));
  const facts = element("div", "facts");
  const pair = pairOf(row);
  const environment = { fidelity: pair.fidelity, started: pair.started, ...environmentOf(pair) };
  facts.append(
    ...factList("Configuration", data.facts[results.config[row]]),
    ...factList("Environment", environment),
  );
  made.append(facts);
  return made;
}

/** @param {number} row */
function errorOf(row) {
  const found = data.error_maps[results.error_map[row]];
  if (!found) return [];
  const made = element("section");
  made.append(element("h2", "", "The output's error"), errorPictures(found));
  return [made];
}

/** @param {number} row */
function linksOf(row) {
  const made = element("p", "identity");
  made.append(element("code", "", identity(row)));
  const { log } = pairOf(row);
  if (log) {
    const link = element("a", "", "log.txt");
    link.href = log;
    made.append(link);
  }
  return made;
}

/**
 * @param {number} row
 * @param {number} at
 */
function measurementBlock(row, at) {
  const made = element("section", "measurement");
  const head = element("h2", "", texts[measurements.name[at]]);
  head.append(" ", verdictBadge(at));
  const value = element("p", "value", quantity(at, measurements.value[at]));
  value.append(element("span", "statistic", texts[measurements.statistic[at]]));
  made.append(head, value, ...comparisons(at));
  if (data.samples[at].length > 1) made.append(sampleCharts(at));
  made.append(...besideMeasurement.map((more) => more(row, at)).filter((more) => more !== null));
  return made;
}

/** @param {number} at */
function verdictBadge(at) {
  const verdict = verdicts[measurements.verdict[at]];
  const badge = element("span", "verdict-badge", VERDICTS[verdict]);
  badge.dataset.verdict = verdict;
  return badge;
}

/**
 * A measurement beside its target, and beside what the device has.
 *
 * @param {number} at
 */
function comparisons(at) {
  const made = [];
  const value = measurements.value[at];
  const hasTarget = measurements.target[at] !== null;
  const isImproved = verdicts[measurements.verdict[at]] === "improved";
  if (hasTarget) made.push(drawnWith(targetBar(at), `${againstTarget(at)}${limitOf(at)}`));
  if (isImproved && value !== null) made.push(drawnWith(null, suggestion(at, value)));
  const capacity = capacityBar(at);
  if (capacity) made.push(drawnWith(capacity, ofCapacity(at)));
  return made;
}

/**
 * @param {number} at
 * @param {number} value
 */
function suggestion(at, value) {
  const target = Number(value.toPrecision(3));
  return `Better by more than the tolerance: write ${texts[measurements.name[at]]} = ${target}`;
}

/**
 * @param {HTMLElement | null} drawnBar
 * @param {string} text
 */
function drawnWith(drawnBar, text) {
  const made = element("p", "drawn");
  if (drawnBar) made.append(drawnBar);
  made.append(element("span", "said", text));
  return made;
}

/** @param {number} at */
function limitOf(at) {
  const { limit, target } = measurements;
  return limit[at] === target[at] ? "" : `; limit ${quantity(at, limit[at])}`;
}

/**
 * A list of what is stated; what is not is no news.
 *
 * @param {string} title
 * @param {Facts} facts
 */
function factList(title, facts) {
  const stated = Object.entries(facts).filter(([, value]) => value !== null && value !== "");
  if (!stated.length) return [];
  const list = element("dl");
  for (const [name, value] of stated) {
    list.append(element("dt", "", name.replaceAll("_", " ")), element("dd", "", plain(value)));
  }
  const made = element("section");
  made.append(element("h2", "", title), list);
  return [made];
}

/**
 * Shapes and tables as people write them.
 *
 * @param {unknown} value
 * @returns {string}
 */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(value.every(Number.isFinite) ? " × " : ", ");
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}: ${plain(inner)}`)
    .join("; ");
}
