/**
 * Names and figures as a person reads them, as `callgraph_lab/render/text.py` writes them: hostile
 * text made visible, times, counts, sizes.
 */

export const ELLIPSIS = "\u2026";

const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu;
const SHORT_ESCAPES: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Returns `text` with every character that does not print written as its escape (`\u202e`). */
export function visibleText(text: string): string {
  return text.replace(NOT_PRINTABLE, (char) => (char === " " ? char : escapeOf(char)));
}

function escapeOf(char: string): string {
  const short = SHORT_ESCAPES[char];
  if (short !== undefined) return short;
  const code = char.codePointAt(0) ?? 0;
  const [letter, digits] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(Number(digits), "0")}`;
}

// The blocks of wide and full-width characters (Unicode's East Asian Width W and F).
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2fb}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Returns how wide `text` is in columns of a terminal: two for a wide (CJK) character. */
export function columns(text: string): number {
  let total = 0;
  for (const char of text) total += WIDE.test(char) ? 2 : 1;
  return total;
}

/** Returns `text`, its middle replaced by an ellipsis where it is wider than that. */
export function shorten(text: string, mostColumns: number): string {
  // Most names are short and need no counting.
  if (text.length * 2 <= mostColumns || columns(text) <= mostColumns) return text;
  const room = mostColumns - 1;
  const chars = [...text];
  const tail = prefix(chars.slice().reverse(), Math.floor(room / 2)).reverse().join("");
  return `${prefix(chars, room - columns(tail)).join("")}${ELLIPSIS}${tail}`;
}

function prefix(chars: string[], mostColumns: number): string[] {
  let used = 0;
  const end = chars.findIndex((char) => (used += columns(char)) > mostColumns);
  return end < 0 ? chars : chars.slice(0, end);
}

/** Returns a whole number with separators: `1,234,567`. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Returns `1 call` or `1,234 calls`. */
export function count(value: number, singular: string, plural = `${singular}s`): string {
  return `${number(value)} ${value === 1 ? singular : plural}`;
}

const NS_PER_S = 1e9;
const THREE_DIGITS = 999.5;

/** Returns a time with three digits and the unit that suits it: `950 ns`, `1.20 s`. */
export function duration(durationNs: number): string {
  const seconds = durationNs / NS_PER_S;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${twoDigits((seconds % 3600) / 60)} min`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  if (durationNs < 1000) return `${durationNs} ns`;
  for (const [unit, size] of [["µs", 1e3], ["ms", 1e6]] as const) {
    if (durationNs / size < THREE_DIGITS) return `${threeDigits(durationNs / size)} ${unit}`;
  }
  return `${threeDigits(seconds)} s`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}

/** Returns a size with three digits and the unit that suits it: `950 B`, `1.20 MiB`. */
export function size(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${sizeBytes} B`;
  let value = sizeBytes;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    value /= 1024;
    if (value < THREE_DIGITS) return `${threeDigits(value)} ${unit}`;
  }
  return `${threeDigits(value / 1024)} TiB`;
}

function threeDigits(value: number): string {
  if (value < 9.995) return fixed(value, 2);
  return fixed(value, value < 99.95 ? 1 : 0);
}

/**
 * Returns a positive number with so many decimals, halves rounded to even as Python does.
 * `toFixed` rounds them up. A binary fraction lies halfway only where this product is odd.
 */
function fixed(value: number, decimals: number): string {
  const halves = value * 2 ** (decimals + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return value.toFixed(decimals);
  const power = 10 ** decimals;
  const below = Math.floor(value * power);
  return ((below + (below % 2)) / power).toFixed(decimals);
}

/** Returns `12.3 %`; `<0.1 %` for what is little but not nothing. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "0 %";
  const share = (100 * part) / whole;
  return share > 0 && share < 0.1 ? "<0.1 %" : `${fixed(share, 1)} %`;
}
