// Two commits beside each other, figure by figure. comparison.py writes it.
import { part } from "./elements.js";

/** @typedef {"same" | "slower" | "faster" | "unsure"} Word */
/**
 * @typedef {object} ComparisonData
 * @property {number} same A change of this fraction does not matter.
 * @property {string} said The sum, in a line.
 * @property {[median: number, most: number] | null} noise Of a pair of processes, of what was timed.
 * @property {string[]} notes
 * @property {[id: string, why: string][]} not_compared
 * @property {ComparedFigure[]} figures The worst first.
 */
/**
 * @typedef {object} ComparedFigure
 * @property {string} id Of the check.
 * @property {string} name Of the metric.
 * @property {string} unit
 * @property {number} base
 * @property {number} head
 * @property {number | null} ratio Of head to base; null where the base's is 0.
 * @property {number | null} low
 * @property {number | null} high
 * @property {string} between The interval in words.
 * @property {Word} word
 * @property {boolean} is_exact Whether it is counted, and has no noise.
 * @property {number} pairs Of processes it comes from.
 * @property {number | null} noise
 * @property {string} declared_at
 */

/** @type {ComparisonData} */
export const comparison = JSON.parse(part("comparison-data").textContent);
/** @type {{ word: Word, title: string }[]} */
export const WORDS = [
  { word: "slower", title: "Slower" },
  { word: "unsure", title: "Unsure" },
  { word: "faster", title: "Faster" },
  { word: "same", title: "Same" },
];
