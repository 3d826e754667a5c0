// From where to where the chart of a series goes, so that no outlier flattens the rest.
import { driftOf, levelNow, levels, seriesText, targetsOf, trends } from "./trend_data.js";

/** @typedef {[bottom: number, top: number]} Axis */
/** @typedef {[least: number, most: number, range: number]} Reach */

const LEAST_REACH = 0.08; // of the value, from the bottom of a chart to its top
const OUTERMOST = 0.02; // of the values on either side: they do not set the scale
const AROUND = 0.5; // of the reach of all others: so far beyond it the outermost are still drawn where they are
const EDGE_SHARE = 0.16; // of a chart, where runs beyond it stand

/**
 * From where to where values are drawn, and how far that is: what hardly changes shall not look wild, and
 * no outlier flattens the rest. Every level is inside, also the one that a change that is called leads to.
 *
 * @param {number} at
 * @returns {Reach}
 */
function reachOf(at) {
  const values = trends.values[at];
  const sorted = Float64Array.from(values).sort();
  const cut = sorted.length > 2 ? Math.max(1, Math.floor(OUTERMOST * sorted.length)) : 0;
  const inside = [sorted[cut], sorted[sorted.length - 1 - cut], ...levels(at).map(([, , level]) => level)];
  const called = ["slower", "faster"].includes(driftOf(at)) ? levelNow(at) : null;
  if (called !== null) inside.push(called);
  const [low, high] = [Math.min(...inside), Math.max(...inside)];
  const share = seriesText("unit", at) === "1" ? 0.001 : LEAST_REACH; // a correlation is all in its last digits
  const around = AROUND * Math.max(high - low, (share * Math.abs(low + high)) / 2);
  const near = values.filter((value) => value >= low - around && value <= high + around);
  const [least, most] = [Math.min(low, ...near), Math.max(high, ...near)];
  const middle = (least + most) / 2;
  const half = Math.max(most - least, share * Math.abs(middle)) / 2 || 0.5;
  return [middle - half, middle + half, 2 * half];
}

/**
 * Whether a target of a series is drawn: it shall not squeeze the runs into a corner.
 *
 * @param {number} at
 * @param {number} target
 */
export function isTargetDrawn(at, target) {
  return isNear(reachOf(at), target);
}

/**
 * @param {Reach} reach
 * @param {number} target
 */
function isNear([least, most, range], target) {
  return target >= least - 1.5 * range && target <= most + 1.5 * range;
}

/**
 * The bottom and the top of a chart, with room on the sides where runs lie beyond it.
 *
 * @param {number} at
 * @returns {Axis}
 */
export function axisOf(at) {
  const reach = reachOf(at);
  const [least, most, range] = reach;
  const targets = targetsOf(at)
    .filter((target) => target !== null)
    .filter((target) => isNear(reach, target));
  const [low, high] = [Math.min(least, ...targets), Math.max(most, ...targets)];
  const sides = new Set(trends.values[at].map((value) => sideOf([low, high], value)));
  /** @param {number} side */
  const edge = (side) => (sides.has(side) ? EDGE_SHARE * (high - low) : 0);
  return [low - 0.1 * range - edge(-1), high + 0.16 * range + edge(1)];
}

/**
 * 1 for what lies above a chart, -1 below, 0 on it.
 *
 * @param {Axis} axis
 * @param {number} value
 */
export function sideOf([bottom, top], value) {
  return Number(value > top) - Number(value < bottom);
}
