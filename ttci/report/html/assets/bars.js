// A value drawn against its target, and against what the device has.
const TARGET_STANDS_AT = 2 / 3; // of the bar, so that a value half as large again still fits

function bar(kind, label) {
  const made = element("span", "bar");
  made.dataset.kind = kind;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  return made;
}

function fill(share) {
  const made = element("span", share > 1 ? "fill beyond" : "fill");
  made.style.width = `${100 * Math.min(share, 1)}%`;
  return made;
}

function mark(className, share) {
  const made = element("span", className);
  made.style.left = `${100 * Math.min(share, 1)}%`;
  return made;
}

/** The value as a bar, the target as a line across it, the tolerance as a band beside that. */
function targetBar(at) {
  const share = shareOfTarget(at);
  if (share === null) return null;
  const made = bar(verdicts[measurements.verdict[at]], `${quantity(at, measurements.value[at])}, ${againstTarget(at)}`);
  const limit = measurements.limit[at] / measurements.target[at];
  if (!isCorrelation(at) && limit !== 1) made.append(toleranceBand(limit));
  made.append(fill(share * TARGET_STANDS_AT), mark("target", TARGET_STANDS_AT));
  return made;
}

function toleranceBand(limit) {
  const [from, to] = [Math.min(1, limit), Math.max(1, limit)].map((share) => share * TARGET_STANDS_AT);
  const band = mark("tolerance", from);
  band.style.width = `${100 * (Math.min(to, 1) - Math.min(from, 1))}%`;
  return band;
}

/** The value as a part of what the device has, with the target where there is one. */
function capacityBar(at) {
  const { value, capacity, target } = measurements;
  if (value[at] === null || !(capacity[at] > 0)) return null;
  const share = value[at] / capacity[at];
  const made = bar("capacity", ofCapacity(at));
  made.append(fill(share));
  if (target[at] !== null) made.append(mark("target", target[at] / capacity[at]));
  return made;
}

function ofCapacity(at) {
  const { value, capacity } = measurements;
  return `${percent(value[at] / capacity[at])} of ${quantity(at, capacity[at])}`;
}
