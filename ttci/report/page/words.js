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
const wholeNumber = new Intl.NumberFormat("en");

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
  return `${figure(100 * share)} %`;
}

/** How far from the target, in words: what the bar beside it draws. */
function againstTarget(at) {
  const target = measurements.target[at];
  const wanted = isCorrelation(at) ? `at least ${quantity(at, target)}` : quantity(at, target);
  const share = shareOfTarget(at);
  if (share === null) return `target ${wanted}`;
  if (isCorrelation(at)) return `target ${wanted}`;
  const over = 100 * (share - 1);
  const sign = over > 0 ? "+" : over < 0 ? "−" : "±";
  return `target ${wanted}, ${sign}${figure(Math.abs(Number(over.toFixed(1))))} %`;
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
