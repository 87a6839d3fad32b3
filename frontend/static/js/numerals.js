// Numbers as the page writes them, "1.23 × 10⁻⁴" and "30,522", in the digits that programs read.

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** The number that a text is; "" where it is none. @param {string} text */
export function plain(text) {
  const found = /^(-?\d[\d.]*)(?: × 10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+))?$/.exec(text.replaceAll(",", "").replaceAll("−", "-"));
  if (!found) return "";
  const exponent = [...(found[3] ?? "")].map((digit) => SUPERSCRIPTS.indexOf(digit)).join("");
  return found[1] + (exponent && `e${found[2] ? "-" : ""}${exponent}`);
}
