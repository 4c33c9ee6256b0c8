// What a picture consists of before it is laid out: boxes, lines and groups, with their texts, sizes
// and colours. Everything said of the target is in `text` fields, which only ever become text nodes.
import { columns, shorten, visibleText } from "../format";

export interface TextLine {
  text: string;
  points: number;
  isBold: boolean;
  isMuted: boolean;
}

export interface Box {
  id: string;
  kind: "function" | "thread" | "fold";
  lines: TextLine[];
  fill: string;
  ink: string;
  mutedInk: string;
  stroke: string;
  strokeWidth: number;
  isDashed: boolean;
  /** A second border inside the first: calls are still open. */
  isDouble: boolean;
  width: number;
  height: number;
  tooltip: string;
  /** What is read out. */
  spoken: string;
}

export interface Line {
  /** The ids of its ends, and whether it is the bridged one of two. */
  id: string;
  source: string;
  target: string;
  text: string;
  note: string;
  textWidth: number;
  strokeWidth: number;
  colour: string;
  isDashed: boolean;
  tooltip: string;
}

/** Boxes of one module, drawn on a common ground. */
export interface Group {
  id: string;
  title: string;
  titleWidth: number;
  members: string[];
}

export type Direction = "LR" | "TB";

export interface Scene {
  direction: Direction;
  boxes: Box[];
  lines: Line[];
  groups: Group[];
}

/** Returns how wide a text is drawn, in the page's pixels. */
export type Measure = (text: string, points: number, isBold: boolean) => number;

export const NAME_POINTS = 13;
export const FIGURE_POINTS = 11;
export const TITLE_POINTS = 11;
export const LINE_HEIGHT = 1.3;
const WIDEST_NAME_COLUMNS = 44;
const ONE_LINE_COLUMNS = 26;
const PADDING = { x: 11, y: 6 } as const;

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';

/** Measures as the browser draws. */
export function canvasMeasure(): Measure {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map<string, number>();
  return (text, points, isBold) => {
    const key = `${points}${isBold ? "b" : "n"}${text}`;
    let width = known.get(key);
    if (width === undefined) {
      if (context !== null) {
        context.font = `${isBold ? 600 : 400} ${points}px ${FONT}`;
      }
      width = context?.measureText(text).width ?? roughMeasure(text, points, isBold);
      known.set(key, width);
    }
    return width;
  };
}

/** Measures where nothing is drawn. */
export const roughMeasure: Measure = (text, points, isBold) =>
  columns(text) * points * (isBold ? 0.6 : 0.55);

export function shownText(text: string, mostColumns = WIDEST_NAME_COLUMNS): string {
  return shorten(visibleText(text), mostColumns);
}

/** Returns a name in one line, or in two broken before its last part. */
export function nameLines(shortName: string): string[] {
  const shown = visibleText(shortName);
  const name = shown.trim() === "" ? "(no name)" : shown;
  const dot = name.lastIndexOf(".");
  if (dot <= 0 || name.length <= ONE_LINE_COLUMNS) {
    return [shorten(name, WIDEST_NAME_COLUMNS)];
  }
  return [
    `${shorten(name.slice(0, dot), WIDEST_NAME_COLUMNS)}.`,
    shorten(name.slice(dot + 1), WIDEST_NAME_COLUMNS),
  ];
}

export function nameText(text: string): TextLine {
  return { text, points: NAME_POINTS, isBold: true, isMuted: false };
}

export function detailText(text: string, isBold = false): TextLine {
  return { text, points: FIGURE_POINTS, isBold, isMuted: true };
}

/** Returns the size of a box around lines of text. */
export function sizeOf(
  lines: readonly TextLine[],
  measure: Measure,
  isOval = false,
): { width: number; height: number } {
  const widest = Math.max(0, ...lines.map((line) => measure(line.text, line.points, line.isBold)));
  const tall = lines.reduce((sum, line) => sum + line.points * LINE_HEIGHT, 0);
  const extra = isOval ? 26 : 0;
  return {
    width: Math.ceil(widest + 2 * PADDING.x + extra),
    height: Math.ceil(tall + 2 * PADDING.y + extra / 6),
  };
}
