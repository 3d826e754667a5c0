// Which results are shown, and in which order.
const NOTHING = { search: "", model: "", device: "", check: "", outcome: "", verdict: "" };
const FIRST = { ...NOTHING, sort: "severity", descending: false, page: 0 };
const state = { ...FIRST };
const SORTS = {
  severity: "Worst first",
  test: "Test",
  model: "Model",
  device: "Device",
  check: "Check",
  measured: "Measured",
  against: "Against target",
  seconds: "Seconds",
};
let lowered = null; // the texts in lower case, from the first search on

/** The rows that pass every filter, in the order of the table. */
function chosenRows() {
  const pass = passing();
  const chosen = [];
  for (let row = 0; row < resultCount; row++) if (pass(row)) chosen.push(row);
  return sorted(chosen);
}

function passing() {
  const tests = [];
  const outcome = outcomes.indexOf(state.outcome);
  const verdict = verdicts.indexOf(state.verdict);
  const check = state.check ? texts.indexOf(state.check) : -1;
  if (state.outcome) tests.push((row) => results.outcome[row] === outcome);
  if (state.check) tests.push((row) => results.check[row] === check);
  if (state.verdict) tests.push((row) => (verdictBits[row] >> verdict) & 1);
  if (state.model || state.device) {
    const named = pairFlags((pair) => (!state.model || pair.model === state.model) && (!state.device || pair.device === state.device));
    tests.push((row) => named[results.pair[row]]);
  }
  for (const word of state.search.toLowerCase().split(/[\s/[\]]+/).filter(Boolean)) tests.push(holding(word));
  return (row) => tests.every((test) => test(row));
}

/** A flag for each pair, and a last one for what belongs to none. */
function pairFlags(test) {
  return Uint8Array.from([...data.pairs, REPORT], test);
}

/** Whether a row's names or message hold a word; an identity is several. */
function holding(word) {
  lowered ??= texts.map((text) => text.toLowerCase());
  const found = Uint8Array.from(lowered, (text) => text.includes(word));
  const pairs = pairFlags((pair) => pairName(pair).toLowerCase().includes(word));
  return (row) => found[results.test[row]] || found[results.check[row]] || found[results.message[row]] || pairs[results.pair[row]];
}

/** Rows without the figure to sort by come last, either way. */
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
  const of = (key) => Float64Array.from({ length: resultCount }, (_, row) => key(row) ?? Infinity);
  switch (state.sort) {
    case "test": return byRank(Array.from(results.test, (position) => texts[position]));
    case "check": return byRank(Array.from(results.check, (position) => texts[position]));
    case "model": return byRank(Array.from(results.pair, (_, row) => pairOf(row).model));
    case "device": return byRank(Array.from(results.pair, (_, row) => pairOf(row).device));
    case "measured": return of((row) => measurements.value[shownMeasurement[row]]);
    case "against": return of((row) => distanceFromTarget(shownMeasurement[row]));
    case "seconds": return of((row) => results.seconds[row]);
    default: return null;
  }
}

/** The place of each row's name among all names. */
function byRank(names) {
  const ranks = new Map([...new Set(names)].sort(byName).map((name, rank) => [name, rank]));
  return Float64Array.from(names, (name) => ranks.get(name));
}
