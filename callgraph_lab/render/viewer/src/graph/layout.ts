// Where everything of a scene stands, read from what Graphviz writes as JSON.
import { POINTS_PER_INCH } from "./dot";
import type { Scene } from "./scene";

export interface Point {
  x: number;
  y: number;
}

export interface Placed extends Point {
  /** The middle is (x, y). */
  width: number;
  height: number;
}

export interface Route {
  /** A start, then three points for each piece of a Bézier curve. */
  points: Point[];
  /** The tip of the arrow, where the curve itself ends before it. */
  tip: Point | null;
  label: Point | null;
}

export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Coordinates are in the page's pixels, y downwards. */
export interface Layout {
  width: number;
  height: number;
  boxes: Map<string, Placed>;
  lines: Map<string, Route>;
  groups: Map<string, Area>;
}

interface GraphvizObject {
  _gvid: number;
  name: string;
  pos?: string;
  width?: string;
  height?: string;
  bb?: string;
}

interface GraphvizEdge {
  id?: string;
  pos?: string;
  lp?: string;
}

interface GraphvizJson {
  bb: string;
  objects?: GraphvizObject[];
  edges?: GraphvizEdge[];
}

/** Reads the answer to the DOT text of `scene`. */
export function readLayout(text: string, scene: Scene): Layout {
  const json = JSON.parse(text) as GraphvizJson;
  const [, , width = 0, height = 0] = numbers(json.bb);
  const point = ([x = 0, y = 0]: readonly number[]): Point => ({ x, y: height - y });
  const layout: Layout = { width, height, boxes: new Map(), lines: new Map(), groups: new Map() };
  for (const item of json.objects ?? []) {
    const index = Number(item.name.replace(/^(cluster_|n)/, ""));
    if (item.name.startsWith("cluster_") && item.bb !== undefined) {
      const [left = 0, bottom = 0, right = 0, top = 0] = numbers(item.bb);
      const id = scene.groups[index]?.id;
      if (id !== undefined) {
        const area = { left, top: height - top, width: right - left, height: top - bottom };
        layout.groups.set(id, area);
      }
    } else if (item.pos !== undefined) {
      const box = scene.boxes[index];
      if (box !== undefined) {
        layout.boxes.set(box.id, {
          ...point(numbers(item.pos)),
          width: Number(item.width) * POINTS_PER_INCH,
          height: Number(item.height) * POINTS_PER_INCH,
        });
      }
    }
  }
  for (const edge of json.edges ?? []) {
    const line = scene.lines[Number(edge.id?.slice(1))];
    if (line !== undefined && edge.pos !== undefined) {
      const route = readRoute(edge.pos, point);
      const label = edge.lp === undefined ? middleOf(route.points) : point(numbers(edge.lp));
      layout.lines.set(line.id, { ...route, label });
    }
  }
  return layout;
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

function readRoute(text: string, point: (pair: readonly number[]) => Point): Omit<Route, "label"> {
  const points: Point[] = [];
  let tip: Point | null = null;
  for (const part of text.split(/\s+/)) {
    if (part.startsWith("e,")) {
      tip = point(numbers(part.slice(2)));
    } else if (!part.startsWith("s,") && part !== "") {
      points.push(point(numbers(part)));
    }
  }
  return { points, tip };
}

/** Returns the middle of a curve by its pieces: where a figure goes that Graphviz did not place. */
function middleOf(points: readonly Point[]): Point | null {
  const pieces = (points.length - 1) / 3;
  const at = 3 * Math.floor(pieces / 2);
  if (pieces % 2 === 0) {
    return points[at] ?? null;
  }
  const [p0, p1, p2, p3] = points.slice(at, at + 4);
  if (p0 === undefined || p1 === undefined || p2 === undefined || p3 === undefined) {
    return null;
  }
  return { x: (p0.x + 3 * (p1.x + p2.x) + p3.x) / 8, y: (p0.y + 3 * (p1.y + p2.y) + p3.y) / 8 };
}
