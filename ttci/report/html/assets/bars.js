// A value drawn against its target, and against what the device has.
import { measurements, verdicts } from "./data.js";
import { element } from "./elements.js";
import { againstTarget, isCorrelation, quantity, shareOfTarget } from "./measurements.js";
import { percent } from "./words.js";

const TARGET_STANDS_AT = 2 / 3; // of the bar, so that a value half as large again still fits

/**
 * @param {string} kind
 * @param {string} label
 */
function bar(kind, label) {
  const made = element("span", "bar");
  made.dataset.kind = kind;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  return made;
}

/** @param {number} share */
function fill(share) {
  const made = element("span", share > 1 ? "fill beyond" : "fill");
  made.style.width = `${100 * Math.min(share, 1)}%`;
  return made;
}

/**
 * @param {string} className
 * @param {number} share
 */
function mark(className, share) {
  const made = element("span", className);
  made.style.left = `${100 * Math.min(share, 1)}%`;
  return made;
}

/**
 * The value as a bar, the target as a line across it, the tolerance as a band beside that.
 *
 * @param {number} at
 */
export function targetBar(at) {
  const share = shareOfTarget(at);
  if (share === null) return null;
  const label = `${quantity(at, measurements.value[at])}, ${againstTarget(at)}`;
  const made = bar(verdicts[measurements.verdict[at]], label);
  const limit = Number(measurements.limit[at]) / Number(measurements.target[at]);
  if (!isCorrelation(at) && limit !== 1) made.append(toleranceBand(limit));
  made.append(fill(share * TARGET_STANDS_AT), mark("target", TARGET_STANDS_AT));
  return made;
}

/** @param {number} limit As a multiple of the target. */
function toleranceBand(limit) {
  const [from, to] = [Math.min(1, limit), Math.max(1, limit)].map((share) => share * TARGET_STANDS_AT);
  const band = mark("tolerance", from);
  band.style.width = `${100 * (Math.min(to, 1) - Math.min(from, 1))}%`;
  return band;
}

/**
 * The value as a part of what the device has, with the target where there is one.
 *
 * @param {number} at
 */
export function capacityBar(at) {
  const share = shareOfCapacity(at);
  if (share === null) return null;
  const made = bar("capacity", ofCapacity(at));
  made.append(fill(share));
  const target = measurements.target[at];
  if (target !== null) made.append(mark("target", target / Number(measurements.capacity[at])));
  return made;
}

/** @param {number} at */
function shareOfCapacity(at) {
  const value = measurements.value[at];
  const capacity = measurements.capacity[at];
  return value === null || capacity === null || capacity <= 0 ? null : value / capacity;
}

/**
 * What `capacityBar` draws, in words; empty where it draws nothing.
 *
 * @param {number} at
 */
export function ofCapacity(at) {
  const share = shareOfCapacity(at);
  return share === null ? "" : `${percent(share)} of ${quantity(at, measurements.capacity[at])}`;
}
