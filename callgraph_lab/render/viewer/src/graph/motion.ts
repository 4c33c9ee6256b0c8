// The way from one picture to the next: everything that stays moves, what comes and goes fades.
import type { Area, Placed, Point, Route } from "./layout";

/** Moves something: 0 is where it was, 1 where it is to be. */
export type Move = (place: number) => void;

const DURATION_MS = 550;

/** Runs moves together; a new run ends the one before where it is. */
export class Motion {
  private frame: number | null = null;
  private finish: (() => void) | null = null;

  /** Ends at once where people asked for no motion, or where the page is not seen. */
  run(moves: readonly Move[], atEnd: () => void, isAnimated: boolean): void {
    this.stop();
    const end = (): void => {
      this.frame = null;
      this.finish = null;
      for (const move of moves) {
        move(1);
      }
      atEnd();
    };
    if (!isAnimated || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      end();
      return;
    }
    const start = performance.now();
    const step = (now: number): void => {
      const part = Math.min(1, Math.max(0, (now - start) / DURATION_MS));
      if (part >= 1) {
        end();
        return;
      }
      const place = eased(part);
      for (const move of moves) {
        move(place);
      }
      this.frame = requestAnimationFrame(step);
    };
    this.finish = atEnd;
    this.frame = requestAnimationFrame(step);
  }

  /** Ends the run where it is; what goes is gone. */
  stop(): void {
    if (this.frame !== null) {
      cancelAnimationFrame(this.frame);
      this.frame = null;
    }
    this.finish?.();
    this.finish = null;
  }

  get isRunning(): boolean {
    return this.frame !== null;
  }
}

function eased(part: number): number {
  return part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
}

export function between(from: number, to: number, place: number): number {
  return from + (to - from) * place;
}

export function placedBetween(from: Placed, to: Placed, place: number): Placed {
  return {
    x: between(from.x, to.x, place),
    y: between(from.y, to.y, place),
    width: to.width,
    height: to.height,
  };
}

export function areaBetween(from: Area, to: Area, place: number): Area {
  return {
    left: between(from.left, to.left, place),
    top: between(from.top, to.top, place),
    width: between(from.width, to.width, place),
    height: between(from.height, to.height, place),
  };
}

/** Returns a function for the routes between two, which may have different numbers of pieces. */
export function routesBetween(from: Route, to: Route): (place: number) => Route {
  const [start, end] = sameLength(from.points, to.points);
  return (place) => {
    if (place >= 1) {
      return to;
    }
    return {
      points: start.map((point, index) => pointBetween(point, end[index] ?? point, place)),
      tip: from.tip && to.tip && pointBetween(from.tip, to.tip, place),
      label: from.label && to.label && pointBetween(from.label, to.label, place),
    };
  };
}

function pointBetween(from: Point, to: Point, place: number): Point {
  return { x: between(from.x, to.x, place), y: between(from.y, to.y, place) };
}

function sameLength(one: Point[], other: Point[]): [Point[], Point[]] {
  let [a, b] = [one, other];
  while (a.length < b.length && a.length >= 4) {
    a = withLongestSplit(a);
  }
  while (b.length < a.length && b.length >= 4) {
    b = withLongestSplit(b);
  }
  return [a, b];
}

/** Splits the longest piece of a curve in the middle; its shape stays. */
function withLongestSplit(points: Point[]): Point[] {
  let longest = 0;
  let length = -1;
  for (let at = 0; at + 3 < points.length; at += 3) {
    const [start, end] = [points[at] as Point, points[at + 3] as Point];
    const far = Math.hypot(end.x - start.x, end.y - start.y);
    if (far > length) {
      [longest, length] = [at, far];
    }
  }
  const [p0, p1, p2, p3] = points.slice(longest, longest + 4) as [Point, Point, Point, Point];
  const middle = (one: Point, other: Point): Point => pointBetween(one, other, 0.5);
  const [a, b, c] = [middle(p0, p1), middle(p1, p2), middle(p2, p3)];
  const [d, e] = [middle(a, b), middle(b, c)];
  return [...points.slice(0, longest + 1), a, d, middle(d, e), e, c, ...points.slice(longest + 3)];
}
