// What an opened row shows: message, measurements, charts, configuration, where it ran.
function details(row) {
  const made = element("div", "details");
  made.append(linksOf(row));
  const message = texts[results.message[row]];
  if (message) made.append(element("pre", "message", message));
  for (let at = firstMeasurement[row]; at < firstMeasurement[row + 1]; at++) made.append(measurementBlock(row, at));
  const facts = element("div", "facts");
  const pair = pairOf(row);
  const config = data.facts[results.config[row]];
  facts.append(...factList("Configuration", config), ...factList("Environment", { fidelity: pair.fidelity, started: pair.started, ...environmentOf(pair) }));
  made.append(facts);
  return made;
}

function linksOf(row) {
  const made = element("p", "identity");
  made.append(element("code", "", identity(row)));
  const { log } = pairOf(row);
  if (log) {
    const link = element("a", "", "log.txt");
    link.href = log;
    made.append(link);
  }
  return made;
}

function measurementBlock(row, at) {
  const made = element("section", "measurement");
  const head = element("h2", "", texts[measurements.name[at]]);
  head.append(" ", verdictBadge(verdicts[measurements.verdict[at]]));
  const value = element("p", "value", quantity(at, measurements.value[at]));
  value.append(element("span", "statistic", texts[measurements.statistic[at]]));
  made.append(head, value);
  if (measurements.target[at] !== null) made.append(drawnWith(targetBar(at), `${againstTarget(at)}${limitOf(at)}`));
  if (verdicts[measurements.verdict[at]] === "improved") made.append(drawnWith(null, suggestion(at)));
  const capacity = capacityBar(at);
  if (capacity) made.append(drawnWith(capacity, ofCapacity(at)));
  if (data.samples[at].length > 1) made.append(sampleCharts(at));
  made.append(...besideMeasurement.map((more) => more(row, at)).filter(Boolean));
  return made;
}

function suggestion(at) {
  const value = Number(measurements.value[at].toPrecision(3));
  return `Better by more than the tolerance: write ${texts[measurements.name[at]]} = ${value}`;
}

function drawnWith(drawnBar, text) {
  const made = element("p", "drawn");
  if (drawnBar) made.append(drawnBar);
  made.append(element("span", "said", text));
  return made;
}

function limitOf(at) {
  const { limit, target } = measurements;
  return limit[at] === target[at] ? "" : `; limit ${quantity(at, limit[at])}`;
}

/** A list of what is stated; what is not is no news. */
function factList(title, facts) {
  const stated = Object.entries(facts).filter(([, value]) => value !== null && value !== "");
  if (!stated.length) return [];
  const list = element("dl");
  for (const [name, value] of stated) list.append(element("dt", "", name.replaceAll("_", " ")), element("dd", "", plain(value)));
  const made = element("section");
  made.append(element("h2", "", title), list);
  return [made];
}

/** Shapes and tables as people write them. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(value.every(Number.isFinite) ? " × " : ", ");
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value).map(([name, inner]) => `${name}: ${plain(inner)}`).join("; ");
}
