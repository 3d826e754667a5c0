// A measurement against its target, as a number and in words.
import { measurements, texts } from "./data.js";
import { figure, signedPercent, toFourDigits, toSixDigits } from "./words.js";

/**
 * A correlation is judged, and drawn, by how far it is from 1.
 *
 * @param {number} at
 */
export function isCorrelation(at) {
  return texts[measurements.name[at]] === "correlation";
}

/**
 * The measured value as a multiple of its target; null where there is no such thing.
 *
 * @param {number} at
 */
export function shareOfTarget(at) {
  const value = measurements.value[at];
  const target = measurements.target[at];
  if (value === null || target === null) return null;
  const share = isCorrelation(at) ? (1 - value) / (1 - target) : value / target;
  return Number.isFinite(share) && share >= 0 ? share : null;
}

/**
 * As shareOfTarget, and the larger the worse.
 *
 * @param {number} at
 */
export function distanceFromTarget(at) {
  if (at < 0) return null;
  const share = shareOfTarget(at);
  if (share === null) return null;
  return measurements.higher[at] && !isCorrelation(at) ? 1 / Math.max(share, 1e-12) : share;
}

/**
 * A value of the measurement `at`, with its unit.
 *
 * @param {number} at
 * @param {number | null} value
 */
export function quantity(at, value) {
  const unit = texts[measurements.unit[at]];
  const digits = isCorrelation(at) ? toSixDigits : toFourDigits;
  return unit === "1" || value === null ? figure(value, digits) : `${figure(value, digits)} ${unit}`;
}

/**
 * How far from the target, in words: what the bar beside it draws.
 *
 * @param {number} at
 */
export function againstTarget(at) {
  const target = measurements.target[at];
  const wanted = isCorrelation(at) ? `at least ${quantity(at, target)}` : quantity(at, target);
  const share = shareOfTarget(at);
  if (share === null || isCorrelation(at)) return `target ${wanted}`;
  return `target ${wanted}, ${signedPercent(share - 1)}`;
}
