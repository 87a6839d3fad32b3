// The few helpers that every module shares. Text out of files goes through textContent, never through markup.

/**
 * @param {string} query
 * @param {ParentNode} [within]
 * @returns {any}
 */
export const $ = (query, within = document) => within.querySelector(query);

/**
 * @param {string} query
 * @param {ParentNode} [within]
 * @returns {any[]}
 */
export const $$ = (query, within = document) => [...within.querySelectorAll(query)];

/**
 * A new element with properties and children; strings become text.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Tells a screen reader. @param {string} text */
export function say(text) {
  $("#say").textContent = text;
}

/**
 * Changes the page's address without loading it; an empty value drops its parameter.
 * @param {Record<string, string>} changes
 */
export function remember(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", url);
}

/** Whether a key press is meant for a field. @param {KeyboardEvent} event */
export function typing(event) {
  return event.target instanceof Element && event.target.matches("input, select, textarea");
}
