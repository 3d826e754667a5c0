// Elements of the page: found, made, and what was done to them.

/**
 * The element with this id; with `kind`, one of that class.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 */
export function part(id, kind) {
  return ofKind(document.getElementById(id), `#${id}`, kind);
}

/**
 * The first element of a selector inside of another.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} outer
 * @param {string} selector
 * @param {new () => T} [kind]
 */
export function inner(outer, selector, kind) {
  return ofKind(outer.querySelector(selector), selector, kind);
}

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {unknown} found
 * @param {string} name
 * @param {new () => T} [kind]
 * @returns {T}
 */
function ofKind(found, name, kind) {
  const expected = kind ?? /** @type {new () => T} */ (HTMLElement);
  if (found instanceof expected) return found;
  throw new TypeError(`${name} is no ${expected.name}`);
}

/**
 * An element with this text; text never becomes markup.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {string | Node | null} [content]
 */
export function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content instanceof Node) made.append(content);
  else if (content !== undefined && content !== null) made.textContent = content;
  return made;
}

/**
 * @param {string} value
 * @param {string} word
 */
export function option(value, word) {
  const made = element("option", "", word);
  made.value = value;
  return made;
}

/**
 * A control of a form, by its name.
 *
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function control(form, name) {
  const found = form.elements.namedItem(name);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
  throw new TypeError(`no control is named ${name}`);
}

/**
 * Give a control its choices, each with its word; the first is to choose none.
 *
 * @template {string} T
 * @param {HTMLInputElement | HTMLSelectElement} chooser
 * @param {T[]} values
 * @param {(value: T) => string} [wordOf]
 */
export function offer(chooser, values, wordOf = (value) => value) {
  chooser.append(option("", "All"), ...values.map((value) => option(value, wordOf(value))));
}

/**
 * Whether a control can be set to a value.
 *
 * @param {HTMLInputElement | HTMLSelectElement} chooser
 * @param {string} value
 */
export function offers(chooser, value) {
  return chooser instanceof HTMLSelectElement && [...chooser.options].some((entry) => entry.value === value);
}

/**
 * The control that an event is of.
 *
 * @param {Event} event
 */
export function controlOf({ target }) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (target);
}

/**
 * The element of `selector` that an event happened in; null where it happened outside.
 *
 * @param {Event} event
 * @param {string} selector
 */
export function around({ target }, selector) {
  const found = target instanceof Element ? target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Whether a key was pressed where one types.
 *
 * @param {Event} event
 */
export function isTyping({ target }) {
  return target instanceof Element && target.matches("input, select");
}

/**
 * Notes that fold, open where they are few.
 *
 * @param {string} id
 * @param {string[]} notes
 */
export function showNoteList(id, notes) {
  if (!notes.length) return;
  const made = element("details", "notes");
  made.open = notes.length <= 3;
  made.append(element("summary", "", `${notes.length} ${notes.length === 1 ? "note" : "notes"}`));
  made.append(...notes.map((note) => element("p", "", note)));
  part(id).append(made);
}
