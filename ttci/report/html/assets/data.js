// What the page shows: columns of numbers, and tables of the texts they name.
const data = JSON.parse(document.getElementById("data").textContent);
const { outcomes, verdicts, texts } = data;
const results = data.results;
const measurements = data.measurements;
const resultCount = results.pair.length;
const FAILING = new Set(["missed", "no-measurement"].map((verdict) => verdicts.indexOf(verdict)));

/** Where the measurements of each result begin; one more entry than results. */
const firstMeasurement = new Uint32Array(resultCount + 1);
for (let row = 0; row < resultCount; row++) {
  firstMeasurement[row + 1] = firstMeasurement[row] + results.measurements[row];
}

/** A bit for each verdict that a result's measurements have. */
const verdictBits = new Uint8Array(resultCount);
/** The measurement that a row of the table shows, or -1. */
const shownMeasurement = new Int32Array(resultCount);
for (let row = 0; row < resultCount; row++) {
  shownMeasurement[row] = mostTelling(row);
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++) {
    verdictBits[row] |= 1 << measurements.verdict[at];
  }
}

/** A failing measurement before one with a target before one with a capacity before any. */
function mostTelling(row) {
  let best = -1;
  let bestRank = -1;
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++) {
    const rank = FAILING.has(measurements.verdict[at]) ? 3
      : measurements.target[at] !== null ? 2
      : measurements.capacity[at] !== null ? 1 : 0;
    if (rank > bestRank) [best, bestRank] = [at, rank];
  }
  return best;
}

/** A correlation is judged, and drawn, by how far it is from 1. */
function isCorrelation(at) {
  return texts[measurements.name[at]] === "correlation";
}

/** The measured value as a multiple of its target; null where there is no such thing. */
function shareOfTarget(at) {
  const value = measurements.value[at];
  const target = measurements.target[at];
  if (value === null || target === null) return null;
  const share = isCorrelation(at) ? (1 - value) / (1 - target) : value / target;
  return Number.isFinite(share) && share >= 0 ? share : null;
}

/** As shareOfTarget, and the larger the worse. */
function distanceFromTarget(at) {
  if (at < 0) return null;
  const share = shareOfTarget(at);
  if (share === null) return null;
  return measurements.higher[at] && !isCorrelation(at) ? 1 / Math.max(share, 1e-12) : share;
}

const REPORT = { model: "report", device: "", fidelity: null, started: null, environment: null, log: null };

function pairOf(row) {
  return data.pairs[results.pair[row]] ?? REPORT;
}

function environmentOf(pair) {
  return data.facts[pair.environment] ?? {};
}

function pairName(pair) {
  return pair.device ? `${pair.model}@${pair.device}` : pair.model;
}

/** As ttci prints it everywhere; the pair alone where it is the pair that is incomplete. */
function identity(row) {
  const test = texts[results.test[row]];
  const pair = pairName(pairOf(row));
  return test ? `${pair}/${test}[${texts[results.check[row]]}]` : pair;
}

/** What others add to an opened measurement, and to the figure in a row: functions that give an element or null. */
const besideMeasurement = [];
const besideFigure = [];
