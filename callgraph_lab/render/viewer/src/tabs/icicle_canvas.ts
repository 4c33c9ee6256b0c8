/** Draws the bars of an icicle on a canvas. */
import { fill, heat, inkOn, type Palette } from "../colours";
import { shorten } from "../format";
import type { Frames } from "./icicle";
import type { Bar } from "./icicle_view";

export const ROW_HEIGHT = 22;
const FONT_PIXELS = 12;
const TEXT_MARGIN = 5;
const LEAST_TEXT_WIDTH = 26;
/** What is narrower has no room for a border: it is grey where its fill would be nearly the page. */
const NARROW = 4;
const LEAST_NARROW_PLACE = 0.3;

export interface Drawing {
  frames: Frames;
  bars: readonly Bar[];
  /** What is written on a frame, fit to be shown. */
  label(frame: number): string;
  /** By frame: what its colour tells, of the same measure. */
  heat: Float64Array;
  colours: Palette;
  dark: boolean;
  font: string;
  /** Index into the frames' ids of the function that is selected, -1 for none. */
  selectedNode: number;
  /** The frame that the keyboard is at, -1 for none, and that under the pointer. */
  current: number;
  pointed: number;
  width: number;
  height: number;
  scrolledPixels: number;
}

/** Draws on a canvas that is as large as its window; the context's scale is set here. */
export function drawIcicle(canvas: HTMLCanvasElement, drawing: Drawing, pixelRatio: number): void {
  const { width, height, colours } = drawing;
  const [wide, high] = [Math.round(width * pixelRatio), Math.round(height * pixelRatio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  context.fillStyle = colours.page;
  context.fillRect(0, 0, width, height);
  context.font = `${FONT_PIXELS}px ${drawing.font}`;
  context.textBaseline = "middle";
  for (const bar of drawing.bars) {
    if (bar.frames > 1) drawRest(context, bar, drawing);
    else drawFrame(context, bar, drawing);
  }
  // Above the others: a neighbour must not cover an outline.
  for (const bar of drawing.bars) {
    if (bar.frames > 1) continue;
    if (bar.frame === drawing.current) outline(context, bar, drawing, 2);
    else if (bar.frame === drawing.pointed) outline(context, bar, drawing, 1);
  }
}

function topOf(bar: Bar, drawing: Drawing): number {
  return bar.row * ROW_HEIGHT - drawing.scrolledPixels;
}

/** A gap of a pixel between frames, unless they are so narrow that it would be half of them. */
function drawnWidth(bar: Bar): number {
  return bar.width > NARROW ? bar.width - 1 : bar.width;
}

function drawFrame(context: CanvasRenderingContext2D, bar: Bar, drawing: Drawing): void {
  const { frames, colours } = drawing;
  const isSelected = frames.node[bar.frame] === drawing.selectedNode && bar.frame > 0;
  const colour = isSelected ? colours.accent : fillOf(drawing, bar);
  const [top, width] = [topOf(bar, drawing), drawnWidth(bar)];
  if (bar.width > NARROW) {
    // The lightest fills are nearly the page: a border shows where they are.
    context.fillStyle = colours.border;
    context.fillRect(bar.left, top, width, ROW_HEIGHT - 1);
    context.fillStyle = colour;
    context.fillRect(bar.left + 1, top + 1, width - 2, ROW_HEIGHT - 3);
  } else {
    context.fillStyle = colour;
    context.fillRect(bar.left, top, width, ROW_HEIGHT - 1);
  }
  const room = bar.width - 2 * TEXT_MARGIN;
  if (room < LEAST_TEXT_WIDTH) return;
  context.fillStyle = inkOn(colour);
  const text = fitted(context, drawing.label(bar.frame), room);
  context.fillText(text, bar.left + TEXT_MARGIN, top + ROW_HEIGHT / 2);
}

/** As in the graph: by the part of everything that the function itself takes. */
function fillOf({ frames, heat: amounts, colours, dark }: Drawing, { frame, width }: Bar): string {
  if (frame === 0) return colours.panel;
  const place = heat(amounts[frame] as number, frames.value[0] as number);
  return width <= NARROW && place < LEAST_NARROW_PLACE ? colours.border : fill(place, dark);
}

function drawRest(context: CanvasRenderingContext2D, bar: Bar, drawing: Drawing): void {
  context.fillStyle = drawing.colours.border;
  const top = topOf(bar, drawing);
  // A comb, so that nobody takes it for one frame.
  for (let x = bar.left; x < bar.left + bar.width; x += 3) {
    context.fillRect(x, top, Math.min(1.5, bar.left + bar.width - x), ROW_HEIGHT - 1);
  }
}

function outline(context: CanvasRenderingContext2D, bar: Bar, drawing: Drawing, thickness: number): void {
  context.strokeStyle = drawing.colours.ink;
  context.lineWidth = thickness;
  const inset = thickness / 2;
  context.strokeRect(
    bar.left + inset,
    topOf(bar, drawing) + inset,
    Math.max(drawnWidth(bar) - thickness, 1),
    ROW_HEIGHT - 1 - thickness,
  );
}

const texts = new Map<string, string>();
const MOST_TEXTS = 20_000;
/** No bar has room for more characters. */
const LONGEST_TEXT = 500;

/** Returns as much of a text as there is room for; what is measured once is remembered. */
function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${Math.floor(room)}\n${context.font}\n${text}`;
  let fitting = texts.get(key);
  if (fitting === undefined) {
    fitting = measured(context, text, room);
    if (texts.size >= MOST_TEXTS) texts.clear();
    texts.set(key, fitting);
  }
  return fitting;
}

function measured(context: CanvasRenderingContext2D, text: string, room: number): string {
  let fitting = shorten(text, LONGEST_TEXT);
  for (let width = context.measureText(fitting).width; width > room; width = context.measureText(fitting).width) {
    const columns = Math.min(Math.floor((fitting.length * room) / width), fitting.length - 1);
    if (columns < 2) return "";
    fitting = shorten(text, columns);
  }
  return fitting;
}
