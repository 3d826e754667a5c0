// What happens when someone clicks, types, or follows a link that filters.
const form = part("filters");
const WORST_IS_LARGEST = new Set(["against", "seconds"]); // these begin with the largest

function showChoices() {
  const names = (of) => [...new Set(of)].filter(Boolean).sort(byName);
  const plainly = (values) => values.map((value) => [value, value]);
  const choices = {
    model: plainly(names(data.pairs.map((pair) => pair.model))),
    device: plainly(names(data.pairs.map((pair) => pair.device))),
    check: plainly(names(Array.from(new Set(results.check), (position) => texts[position]))),
    outcome: outcomes.map((outcome) => [outcome, OUTCOMES[outcome].word]),
    verdict: verdicts.map((verdict) => [verdict, VERDICTS[verdict]]),
  };
  for (const [name, values] of Object.entries(choices)) {
    form[name].append(option("", "All"), ...values.map(([value, word]) => option(value, word)));
  }
  form.sort.append(...Object.entries(SORTS).map(([value, word]) => option(value, word)));
}

/** Show what the state asks for, in the table, the controls and the address. */
function show(change) {
  Object.assign(state, { page: 0 }, change);
  chosen = chosenRows();
  state.page = Math.max(0, Math.min(state.page, Math.ceil(chosen.length / ROWS_A_PAGE) - 1));
  for (const name of [...Object.keys(NOTHING), "sort"]) if (form[name].value !== state[name]) form[name].value = state[name];
  for (const pressed of document.querySelectorAll(".count, .target-count")) {
    const { outcome, verdict } = pressed.dataset;
    pressed.setAttribute("aria-pressed", outcome ? state.outcome === outcome : state.verdict === verdict);
  }
  part("reset").hidden = Object.keys(NOTHING).every((name) => state[name] === "");
  showHeads();
  showRows();
  writeAddress();
}

/** What the address asks for; a name that no filter offers is no filter. */
function fromAddress() {
  const asked = { ...FIRST };
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name === "search" || (name in NOTHING && offers(name, value)) || (name === "sort" && value in SORTS)) asked[name] = value;
    if (name === "descending") asked.descending = value === "true";
    if (name === "page") asked.page = Math.max(0, Math.trunc(Number(value)) || 0);
  }
  return asked;
}

function offers(name, value) {
  return [...form[name].options].some((entry) => entry.value === value);
}

function sortBy(key) {
  const descending = state.sort === key ? !state.descending : WORST_IS_LARGEST.has(key);
  show({ sort: key, descending });
  part("heads").querySelector(`[data-sort="${key}"]`).focus();
}

function turn(pages) {
  show({ page: state.page + pages });
  part("found").scrollIntoView({ block: "start" });
}

function listen() {
  form.addEventListener("input", ({ target }) => show({ [target.name]: target.value, ...(target.name === "sort" && { descending: WORST_IS_LARGEST.has(target.value) }) }));
  form.addEventListener("submit", (event) => event.preventDefault());
  part("reset").addEventListener("click", () => { show({ ...NOTHING }); form.search.focus(); });
  part("heads").addEventListener("click", ({ target }) => target.dataset.sort && sortBy(target.dataset.sort));
  part("previous").addEventListener("click", () => turn(-1));
  part("next").addEventListener("click", () => turn(1));
  part("counts").addEventListener("click", ({ target }) => pressed(target, "outcome"));
  part("targets").addEventListener("click", ({ target }) => pressed(target, "verdict"));
  part("overview").addEventListener("click", ({ target }) => {
    const cell = target.closest(".cell");
    if (cell) show({ ...NOTHING, model: cell.dataset.model, device: cell.dataset.device });
  });
  part("rows").addEventListener("click", ({ target }) => {
    const line = target.closest("tr.result");
    if (line && !String(getSelection())) toggle(line);
  });
  addEventListener("hashchange", () => show(fromAddress()));
  listenToKeys();
}

function pressed(target, name) {
  const value = target.closest("button")?.dataset[name];
  if (value) show({ [name]: state[name] === value ? "" : value });
}

/** A slash goes to the search; the arrows go from row to row. */
function listenToKeys() {
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      form.search.focus();
    }
    if (!event.target.matches("button.name") || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const names = [...part("rows").querySelectorAll("button.name")];
    names[names.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  });
}

startTheme();
showCounts();
showTargets();
showAbout();
showNotes();
showOverview();
showChoices();
listen();
inAddress.push(() => Object.entries(state).filter(([name, value]) => value !== FIRST[name]));
show(fromAddress());
