// Figures and verdicts as a person reads them.
/** @import { Outcome, Verdict } from "./data.js" */

/** @type {Record<Outcome, { word: string, mark: string }>} */
export const OUTCOMES = {
  passed: { word: "Passed", mark: "✓" },
  failed: { word: "Failed", mark: "✕" },
  error: { word: "Error", mark: "!" },
  unavailable: { word: "Unavailable", mark: "–" },
};
/** @type {Record<Verdict, string>} */
export const VERDICTS = {
  met: "met",
  missed: "missed",
  improved: "improved",
  "no-target": "no target",
  "no-measurement": "not measured",
  "report-only": "report only",
};
export const toFourDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
export const toSixDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const toOneDecimal = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const wholeNumber = new Intl.NumberFormat("en");

export const byName = new Intl.Collator("en", { numeric: true }).compare;

/**
 * Each name once, in order; what has none is left out.
 *
 * @param {string[]} names
 */
export function distinct(names) {
  return [...new Set(names)].filter(Boolean).sort(byName);
}

/**
 * @param {number | null} value
 * @param {Intl.NumberFormat} [digits]
 */
export function figure(value, digits = toFourDigits) {
  if (value === null) return "nothing";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2);
  return (size >= 1e4 ? wholeNumber : digits).format(size >= 1e4 ? Math.round(value) : value);
}

/** @param {number} share */
export function percent(share) {
  return `${figure(100 * share)}%`;
}

/**
 * As people write a change: +12.3%.
 *
 * @param {number} share
 */
export function signedPercent(share) {
  const rounded = Number((100 * share).toFixed(1));
  const sign = rounded > 0 ? "+" : rounded < 0 ? "−" : "±";
  return `${sign}${toOneDecimal.format(Math.abs(rounded))}%`;
}

/** @param {number} value */
export function seconds(value) {
  if (value < 0.0995) return "<0.1 s";
  return value < 99.5 ? `${value.toFixed(1)} s` : `${wholeNumber.format(Math.round(value))} s`;
}
