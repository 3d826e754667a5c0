// Figures and verdicts as a person reads them, and elements that hold them.
const OUTCOMES = {
  passed: { word: "Passed", mark: "✓" },
  failed: { word: "Failed", mark: "✕" },
  error: { word: "Error", mark: "!" },
  unavailable: { word: "Unavailable", mark: "–" },
};
const VERDICTS = {
  met: "met",
  missed: "missed",
  improved: "improved",
  "no-target": "no target",
  "no-measurement": "not measured",
  "report-only": "report only",
};
const toFourDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const toSixDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const toOneDecimal = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const wholeNumber = new Intl.NumberFormat("en");

const part = (id) => document.getElementById(id);
const byName = new Intl.Collator("en", { numeric: true }).compare;

/** An element with this text; text never becomes markup. */
function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content instanceof Node) made.append(content);
  else if (content !== undefined && content !== null) made.textContent = content;
  return made;
}

function figure(value, digits = toFourDigits) {
  if (value === null) return "nothing";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2);
  return (size >= 1e4 ? wholeNumber : digits).format(size >= 1e4 ? Math.round(value) : value);
}

/** A value of the measurement `at`, with its unit. */
function quantity(at, value) {
  const unit = texts[measurements.unit[at]];
  const digits = isCorrelation(at) ? toSixDigits : toFourDigits;
  return unit === "1" || value === null ? figure(value, digits) : `${figure(value, digits)} ${unit}`;
}

function percent(share) {
  return `${figure(100 * share)}%`;
}

/** As people write a change: +12.3%. */
function signedPercent(share) {
  const rounded = Number((100 * share).toFixed(1));
  const sign = rounded > 0 ? "+" : rounded < 0 ? "−" : "±";
  return `${sign}${toOneDecimal.format(Math.abs(rounded))}%`;
}

/** How far from the target, in words: what the bar beside it draws. */
function againstTarget(at) {
  const target = measurements.target[at];
  const wanted = isCorrelation(at) ? `at least ${quantity(at, target)}` : quantity(at, target);
  const share = shareOfTarget(at);
  if (share === null) return `target ${wanted}`;
  if (isCorrelation(at)) return `target ${wanted}`;
  return `target ${wanted}, ${signedPercent(share - 1)}`;
}

function seconds(value) {
  if (value < 0.0995) return "<0.1 s";
  return value < 99.5 ? `${value.toFixed(1)} s` : `${wholeNumber.format(Math.round(value))} s`;
}

function outcomeBadge(outcome) {
  const badge = element("span", "badge");
  badge.dataset.outcome = outcome;
  const mark = element("span", "mark", OUTCOMES[outcome].mark);
  mark.setAttribute("aria-hidden", "true");
  badge.append(mark, element("span", "word", OUTCOMES[outcome].word));
  return badge;
}

function verdictBadge(verdict) {
  const badge = element("span", "verdict-badge", VERDICTS[verdict]);
  badge.dataset.verdict = verdict;
  return badge;
}

function option(value, word) {
  const made = element("option", "", word);
  made.value = value;
  return made;
}

/** Notes that fold, open where they are few. */
function showNoteList(id, notes) {
  if (!notes.length) return;
  const made = element("details", "notes");
  made.open = notes.length <= 3;
  made.append(element("summary", "", `${notes.length} ${notes.length === 1 ? "note" : "notes"}`));
  made.append(...notes.map((note) => element("p", "", note)));
  part(id).append(made);
}
