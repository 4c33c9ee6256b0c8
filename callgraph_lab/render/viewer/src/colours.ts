/**
 * The colours of the page, as `callgraph_lab/render/colours.py` and `diff_colours.py` make them:
 * scales that are paths in OKLab (Ottosson 2020), even in lightness, so that they read the same in
 * grey and with any kind of colour blindness. On a dark page a scale runs the other way: what
 * matters stands out by being light.
 */

/** What canvases and curves are drawn with. CSS has the same as variables. */
export interface Palette {
  page: string;
  panel: string;
  ink: string;
  muted: string;
  line: string;
  /** Around what has a light fill. */
  border: string;
  accent: string;
  /** Curves and lanes, told apart by lightness as well as by hue. */
  lanes: readonly string[];
}

const LIGHT: Palette = {
  page: "#ffffff",
  panel: "#f6f8fa",
  ink: "#1f2328",
  muted: "#59636e",
  line: "#d1d9e0",
  border: "#afb8c1",
  accent: "#0969da",
  lanes: ["#0969da", "#9a3412", "#1a7f37", "#8250df", "#9a6700", "#bf3989", "#0a758f", "#57606a"],
};
const DARK: Palette = {
  page: "#0d1117",
  panel: "#161b22",
  ink: "#e6edf3",
  muted: "#9198a1",
  line: "#3d444d",
  border: "#57606a",
  accent: "#4493f8",
  lanes: ["#58a6ff", "#f0883e", "#56d364", "#bc8cff", "#e3b341", "#f778ba", "#39c5cf", "#9ea7b3"],
};

/** Returns the colours of the light page or of the dark one. */
export function palette(dark: boolean): Palette {
  return dark ? DARK : LIGHT;
}

/** Says whether the page is dark now: the theme as the page resolved it. */
export function isDark(document: Document): boolean {
  return document.documentElement.dataset["theme"] === "dark";
}

/** How many powers of ten the scale spans: from 0.01 % of the whole to all of it. */
const DECADES = 4;

/** Places a part of a whole on the scale, by its logarithm: 0 for 0.01 % and less, 1 for all. */
export function heat(part: number, whole: number): number {
  if (part <= 0 || whole <= 0) return 0;
  return clamp(1 + Math.log10(part / whole) / DECADES, 0, 1);
}

const STEPS = 256;

/** Returns the scale's colour at `place` (0 for little, 1 for much) as `#rrggbb`. */
export function fill(place: number, dark = false): string {
  return (dark ? darkRamp : lightRamp)(Math.round(clamp(place, 0, 1) * (STEPS - 1)));
}

const lightRamp = remembered((step) => {
  const place = step / (STEPS - 1);
  const chroma = 0.155 * Math.sin(radians(10 + 80 * place));
  return colour(0.985 + (0.44 - 0.985) * place, chroma, 95 + (18 - 95) * place);
});
const darkRamp = remembered((step) => {
  const place = step / (STEPS - 1);
  const chroma = 0.125 * Math.sin(radians(8 + 112 * place));
  return colour(0.29 + (0.88 - 0.29) * place, chroma, 15 + (88 - 15) * place);
});

const HUE_A = 255;
const HUE_B = 65;

/** Returns the fills of what only A has, and of what only B has. */
export function sideFills(dark = false): { a: string; b: string } {
  return dark
    ? { a: colour(0.72, 0.12, HUE_A), b: colour(0.55, 0.13, HUE_B) }
    : { a: colour(0.5, 0.13, HUE_A), b: colour(0.82, 0.14, HUE_B) };
}

/** Returns the lines of the two sides: as their fills, but legible on the page. */
export function sideLines(dark = false): { a: string; b: string } {
  return dark
    ? { a: colour(0.72, 0.12, HUE_A), b: colour(0.62, 0.13, HUE_B) }
    : { a: colour(0.5, 0.13, HUE_A), b: colour(0.66, 0.15, 55) };
}

/** Returns the line of what both sides have, by its `change`; null where they are alike. */
export function changeLine(place: number, dark = false): string | null {
  if (place === 0) return null;
  const [lightness, chroma] = place < 0 ? [0.68, 0.09] : [0.75, 0.11];
  return colour(dark ? 1.2 - lightness : lightness, chroma, place < 0 ? HUE_A : HUE_B);
}

/** How much two values differ: 0 not at all, -1 ten times as much in A, 1 in B. */
export function change(valueA: number, valueB: number): number {
  if (valueA === valueB) return 0;
  if (valueA <= 0 || valueB <= 0) return valueA < valueB ? 1 : -1;
  return clamp(Math.log10(valueB / valueA), -1, 1);
}

const CHANGE_STEPS = 16;

/** Returns the fill of what both sides have by its `change`: bluer for A, more orange for B. */
export function changeFill(place: number, dark = false): string {
  if (place === 0) return dark ? DARK.panel : "#ffffff";
  // Python rounds halves to even, and pictures are compared with its.
  const step = Math.abs(place) * CHANGE_STEPS;
  const even = step % 1 === 0.5 ? 2 * Math.round(step / 2) : Math.round(step);
  return (dark ? darkChange : lightChange)(place < 0 ? -even : even);
}

const lightChange = remembered((step) => changed(step, [0.975, 0.008], [0.85, 0.075]));
const darkChange = remembered((step) => changed(step, [0.27, 0.012], [0.45, 0.085]));

type Shade = readonly [lightness: number, chroma: number];

function changed(step: number, palest: Shade, fullest: Shade): string {
  const part = Math.abs(step) / CHANGE_STEPS;
  const lightness = palest[0] + (fullest[0] - palest[0]) * part;
  const chroma = palest[1] + (fullest[1] - palest[1]) * part;
  return colour(lightness, chroma, step < 0 ? HUE_A : HUE_B);
}

const INK = LIGHT.ink;
const WHITE = "#ffffff";
const BLACK = "#000000";
/** The least contrast ratio that WCAG 2 (level AA) asks for between text and its background. */
const LEGIBLE = 4.5;

const inkOf = new Map<string, string>();

/** Returns the text colour that is legible on `background`: dark or white, else black. */
export function inkOn(background: string): string {
  let ink = inkOf.get(background);
  if (ink === undefined) {
    ink = contrast(INK, background) >= contrast(WHITE, background) ? INK : WHITE;
    // Between dark and light there are fills on which neither is, and black always is.
    if (contrast(ink, background) < LEGIBLE) ink = BLACK;
    inkOf.set(background, ink);
  }
  return ink;
}

/** Returns the contrast ratio of two colours as WCAG 2 defines it (1 to 21). */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Returns a colour of OKLab by its polar coordinates, as `#rrggbb`, with less chroma if need be. */
export function colour(lightness: number, chroma: number, hueDegrees: number): string {
  const hue = radians(hueDegrees);
  for (let most = chroma; ; most *= 0.99) {
    const parts = toLinear(lightness, most * Math.cos(hue), most * Math.sin(hue));
    if (Math.min(...parts) >= 0 && Math.max(...parts) <= 1) {
      return `#${parts.map((part) => hex(Math.round(255 * gamma(part)))).join("")}`;
    }
  }
}

function toLinear(lightness: number, a: number, b: number): [number, number, number] {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

// The transfer function of sRGB (IEC 61966-2-1) and its inverse: a power, but linear near black.
function gamma(value: number): number {
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
}

function linear(value: number): number {
  return value <= 0.0031308 * 12.92 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function luminance(text: string): number {
  const part = (at: number) => linear(Number.parseInt(text.slice(at, at + 2), 16) / 255);
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function remembered(make: (step: number) => string): (step: number) => string {
  const made = new Map<number, string>();
  return (step) => {
    const known = made.get(step) ?? make(step);
    made.set(step, known);
    return known;
  };
}
