/** The instances of actions as bands in lanes, one lane an action, and what is under a point. */
import type { ActionBand, Resources } from "../payload";

export interface Lane {
  name: string;
  /** In the order of their begins. */
  bands: ActionBand[];
  /** The longest band: how far before a moment one must have begun to be past it. */
  longestNs: number;
}

/** Returns a lane for each action, in the order of their first instances. */
export function lanesOf(bands: readonly ActionBand[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const band of [...bands].sort((one, other) => one.begin_ns - other.begin_ns)) {
    let lane = lanes.get(band.name);
    if (lane === undefined) lanes.set(band.name, (lane = { name: band.name, bands: [], longestNs: 0 }));
    lane.bands.push(band);
    lane.longestNs = Math.max(lane.longestNs, band.end_ns - band.begin_ns);
  }
  return [...lanes.values()];
}

/** A piece of a lane in pixels; `most` is how many instances were in flight at once in it. */
export interface Piece {
  left: number;
  right: number;
  most: number;
}

/**
 * Returns the pieces of a lane between two moments. What was over at once has a pixel, and what
 * falls on the same pixels is one piece, so there are never more of them than pixels.
 */
export function piecesOf(lane: Lane, fromNs: number, untilNs: number, width: number): Piece[] {
  const whole = untilNs - fromNs;
  if (whole <= 0 || width <= 0) return [];
  const changes = new Int32Array(Math.ceil(width) + 2);
  for (let index = firstReaching(lane, fromNs); index < lane.bands.length; index++) {
    const band = lane.bands[index] as ActionBand;
    if (band.begin_ns > untilNs) break;
    if (band.end_ns < fromNs) continue;
    const left = Math.max(Math.floor(((band.begin_ns - fromNs) / whole) * width), 0);
    const right = Math.min(Math.ceil(((band.end_ns - fromNs) / whole) * width), Math.ceil(width));
    changes[left] = (changes[left] as number) + 1;
    const end = Math.max(right, left + 1);
    changes[end] = (changes[end] as number) - 1;
  }
  const pieces: Piece[] = [];
  let [level, begin] = [0, 0];
  for (let x = 0; x < changes.length; x++) {
    const change = changes[x] as number;
    if (change === 0) continue;
    if (level > 0) pieces.push({ left: begin, right: x, most: level });
    level += change;
    begin = x;
  }
  return pieces;
}

/** Finds the first band that may last until a moment; those before it ended earlier. */
function firstReaching(lane: Lane, momentNs: number): number {
  const least = momentNs - lane.longestNs;
  let [low, high] = [0, lane.bands.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lane.bands[middle] as ActionBand).begin_ns < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the bands of a lane that were in flight at a moment, or so near as a pixel is. */
export function bandsAt(lane: Lane, momentNs: number, nearNs: number): ActionBand[] {
  const found: ActionBand[] = [];
  for (let index = firstReaching(lane, momentNs - nearNs); index < lane.bands.length; index++) {
    const band = lane.bands[index] as ActionBand;
    if (band.begin_ns > momentNs + nearNs) break;
    if (band.end_ns >= momentNs - nearNs) found.push(band);
  }
  return found;
}

export interface LaneSummary {
  name: string;
  times: number;
  firstNs: number;
  lastEndNs: number;
  /** All of them added up: several at once count several times. */
  inFlightNs: number;
  longestNs: number;
}

export function summaryOfLane(lane: Lane): LaneSummary {
  let [lastEndNs, inFlightNs] = [0, 0];
  for (const band of lane.bands) {
    lastEndNs = Math.max(lastEndNs, band.end_ns);
    inFlightNs += band.end_ns - band.begin_ns;
  }
  return {
    name: lane.name,
    times: lane.bands.length,
    firstNs: lane.bands[0]?.begin_ns ?? 0,
    lastEndNs,
    inFlightNs,
    longestNs: lane.longestNs,
  };
}

export interface SeriesSummary {
  least: number;
  mean: number;
  most: number;
  /** When it was at its most for the first time. */
  mostAtNs: number;
}

/** Returns what a series comes to, or null where it has no values. */
export function summaryOfSeries(momentsNs: readonly number[], values: readonly (number | null)[]): SeriesSummary | null {
  let [least, most, mostAtNs, sum, found] = [Infinity, -Infinity, 0, 0, 0];
  values.forEach((value, index) => {
    if (value === null) return;
    found++;
    sum += value;
    least = Math.min(least, value);
    if (value > most) [most, mostAtNs] = [value, momentsNs[index] ?? 0];
  });
  return found === 0 ? null : { least, mean: sum / found, most, mostAtNs };
}

/** Returns when the time line ends: with the run, or with what is known of it. */
export function endOf(durationNs: number, resources: Resources | null, bands: readonly ActionBand[]): number {
  const lastSample = resources?.moments_ns.at(-1) ?? 0;
  return bands.reduce((end, band) => Math.max(end, band.end_ns), Math.max(durationNs, lastSample, 1));
}
