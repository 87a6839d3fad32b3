// Brings the page up to date with what the server would render now, and leaves everything that is equal alone: scroll
// positions, focus and open menus stay. The server escapes every name, as for the page itself; a parsed document runs
// no script.

/** @param {Node} node */
const keyOf = (node) => (node instanceof Element ? node.id || node.getAttribute("data-key") : null);

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
}

/**
 * Makes `old` equal to `fresh`. [data-keep] keeps its children and all but its data-figure and label; a field keeps
 * what was typed; a <details> stays as open as it is.
 * @param {Element} old
 * @param {Element} fresh
 */
export function morph(old, fresh) {
  if (old.hasAttribute("data-keep")) {
    for (const name of ["data-figure", "aria-label"]) {
      if (fresh.hasAttribute(name)) old.setAttribute(name, fresh.getAttribute(name) ?? "");
    }
    return;
  }
  const open = old instanceof HTMLDetailsElement && old.open;
  attributes(old, fresh);
  if (old instanceof HTMLDetailsElement) old.open = open;
  children(old, fresh);
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function children(old, fresh) {
  const keyed = new Map([...old.childNodes].flatMap((node) => (keyOf(node) ? [[keyOf(node), node]] : [])));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let match = key ? keyed.get(key) : at;
    if (!key) while (match && keyOf(match)) match = match.nextSibling;
    if (!match || match.nodeName !== wanted.nodeName) {
      old.insertBefore(document.importNode(wanted, true), at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else old.insertBefore(match, at);
    if (match instanceof Element) morph(match, /** @type {Element} */ (wanted));
    else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/**
 * Fetches a page and brings the elements with these ids up to date with it; "main" stands for all of the page.
 * @param {string[]} ids
 * @param {string} [address] the page's own where none is given
 * @returns {Promise<boolean>} whether the page is up to date now
 */
export async function refresh(ids, address = location.href) {
  const asked = location.href;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  const text = await answer.text();
  if (!answer.ok || location.href !== asked) return false; // the reader has chosen something else meanwhile
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const id of ids) {
    const old = document.getElementById(id), fresh = page.getElementById(id);
    if (old && fresh) morph(old, fresh);
  }
  document.dispatchEvent(new Event("refreshed"));
  return true;
}
