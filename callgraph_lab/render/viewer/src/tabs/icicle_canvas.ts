/** Draws the bars of an icicle on a canvas. */
import { fill, heat, inkOn, type Palette } from "../colours";
import { shorten } from "../format";
import type { Frames } from "./icicle";
import type { Bar } from "./icicle_view";

export const ROW_HEIGHT = 22;
const FONT_PIXELS = 12;
const TEXT_MARGIN = 5;
const LEAST_TEXT_WIDTH = 26;
/** What is narrower has no border, and is no lighter than this place of the scale. */
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
  return fill(width > NARROW ? place : Math.max(place, LEAST_NARROW_PLACE), dark);
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

const widths = new Map<string, number>();
const MOST_WIDTHS = 20_000;

function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${context.font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    // A name of 4 KB is measured by its beginning; no bar has room for more.
    width = context.measureText(text.slice(0, 500)).width;
    if (widths.size >= MOST_WIDTHS) widths.clear();
    widths.set(key, width);
  }
  if (width <= room && text.length <= 500) return text;
  const chars = Math.min(text.length, 500);
  return shorten(text, Math.max(Math.floor((chars * room) / width), 2));
}
