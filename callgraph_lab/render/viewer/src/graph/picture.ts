// The picture on the page: its elements by the ids of what they show, so that the next picture finds
// them and moves them.
import { svgElement } from "../dom";
import type { Area, Layout, Placed, Point, Route } from "./layout";
import type { Look } from "./look";
import { Motion, type Move, areaBetween, between, placedBetween, routesBetween } from "./motion";
import { FONT, type Scene } from "./scene";
import {
  fillBox,
  fillGroup,
  fillLine,
  fillTitle,
  placeBox,
  placeGroup,
  placeLine,
  placeTitle,
} from "./shapes";

/** An element, where it is now, and how much of it is seen. */
interface Shown<Place> {
  element: SVGGElement;
  place: Place;
  opacity: number;
}

type Items<Place> = Map<string, Shown<Place>>;

/** What differs between boxes, lines and groups when a picture becomes the next. */
interface Kind<Place> {
  items: Items<Place>;
  layer: SVGGElement;
  className: string;
  put(element: SVGGElement, place: Place): void;
  way(from: Place, to: Place): (place: number) => Place;
}

export class Picture {
  readonly svg = svgElement("svg", { class: "graph", "font-family": FONT });
  readonly viewport = svgElement("g");
  readonly boxLayer = svgElement("g", { class: "boxes" });
  private readonly motion = new Motion();
  private readonly boxes: Kind<Placed> = {
    items: new Map(),
    layer: this.boxLayer,
    className: "box",
    put: placeBox,
    way: (from, to) => (place) => placedBetween(from, to, place),
  };
  private readonly lines: Kind<Route> = {
    items: new Map(),
    layer: svgElement("g", { class: "lines", "aria-hidden": "true" }),
    className: "line",
    put: placeLine,
    way: routesBetween,
  };
  private readonly groups: Kind<Area> = {
    items: new Map(),
    layer: svgElement("g", { class: "groups", "aria-hidden": "true" }),
    className: "group",
    put: placeGroup,
    way: (from, to) => (place) => areaBetween(from, to, place),
  };
  /** Above the lines: a line that crosses a title must not strike it out. */
  private readonly titles: Kind<Area> = {
    items: new Map(),
    layer: svgElement("g", { class: "titles", "aria-hidden": "true" }),
    className: "title",
    put: placeTitle,
    way: (from, to) => (place) => areaBetween(from, to, place),
  };
  scene: Scene | null = null;
  /** What all of it takes up. */
  bounds: Area = { left: 0, top: 0, width: 0, height: 0 };
  private targets = new Map<string, Placed>();

  constructor() {
    this.viewport.append(
      this.groups.layer,
      this.lines.layer,
      this.titles.layer,
      this.boxLayer,
    );
    this.svg.append(this.viewport);
  }

  /** Shows a scene as laid out, on the way from the one that is shown. */
  show(scene: Scene, layout: Layout, look: Look, isAnimated: boolean): void {
    this.motion.stop();
    const shift = this.leastShift(layout);
    this.scene = scene;
    this.bounds = { left: shift.x, top: shift.y, width: layout.width, height: layout.height };
    const old = new Map([...this.boxes.items].map(([id, { place }]) => [id, place]));
    this.targets = new Map(
      [...layout.boxes].map(([id, place]) => [id, movedBy(place, shift)] as const),
    );
    const callerOf = new Map(scene.lines.map((line) => [line.target, line.source]));
    const areas = new Map(
      [...layout.groups].map(([id, area]) => [id, areaMovedBy(area, shift)] as const),
    );
    const moves: Move[] = [];
    const leaving: SVGGElement[] = [
      ...this.replace(
        this.boxes,
        scene.boxes.map((box) => ({ id: box.id, fill: (element) => fillBox(element, box) })),
        this.targets,
        // What is new comes out of its caller.
        (id, to) => ({ ...to, ...positionOf(old.get(callerOf.get(id) ?? "") ?? to) }),
        moves,
      ),
      ...this.replace(
        this.lines,
        scene.lines.map((line) => ({ id: line.id, fill: (element) => fillLine(element, line, look) })),
        new Map([...layout.lines].map(([id, route]) => [id, routeMovedBy(route, shift)])),
        (_, to) => to,
        moves,
      ),
      ...this.replace(
        this.groups,
        scene.groups.map(({ id }) => ({ id, fill: (element) => fillGroup(element, look) })),
        areas,
        (_, to) => to,
        moves,
      ),
      ...this.replace(
        this.titles,
        scene.groups.map((group) => ({
          id: group.id,
          fill: (element) => fillTitle(element, group, look),
        })),
        areas,
        (_, to) => to,
        moves,
      ),
    ];
    this.tellOf(scene);
    this.motion.run(moves, () => leaving.forEach((element) => element.remove()), isAnimated);
  }

  get isMoving(): boolean {
    return this.motion.isRunning;
  }

  box(id: string): SVGGElement | null {
    return this.boxes.items.get(id)?.element ?? null;
  }

  line(id: string): SVGGElement | null {
    return this.lines.items.get(id)?.element ?? null;
  }

  /** Where a box is, or is on its way to. */
  place(id: string): Placed | null {
    return this.targets.get(id) ?? null;
  }

  places(): ReadonlyMap<string, Placed> {
    return this.targets;
  }

  private replace<Place>(
    kind: Kind<Place>,
    wanted: { id: string; fill(element: SVGGElement): void }[],
    targets: ReadonlyMap<string, Place>,
    entry: (id: string, to: Place) => Place,
    moves: Move[],
  ): SVGGElement[] {
    const before = new Map(kind.items);
    kind.items.clear();
    for (const { id, fill } of wanted) {
      const to = targets.get(id);
      if (to === undefined) {
        continue;
      }
      const known = before.get(id);
      before.delete(id);
      const element = known?.element ?? svgElement("g", { class: kind.className });
      const shown: Shown<Place> = {
        element,
        place: known?.place ?? entry(id, to),
        opacity: known?.opacity ?? 0,
      };
      fill(element);
      kind.layer.append(element);
      kind.items.set(id, shown);
      kind.put(element, shown.place);
      moves.push(moveTo(kind, shown, to, 1));
    }
    const leaving = [...before.values()];
    for (const shown of leaving) {
      shown.element.setAttribute("aria-hidden", "true");
      shown.element.removeAttribute("tabindex");
      moves.push(moveTo(kind, shown, shown.place, 0));
    }
    return leaving.map(({ element }) => element);
  }

  private tellOf(scene: Scene): void {
    for (const box of scene.boxes) {
      const element = this.boxes.items.get(box.id)?.element;
      element?.setAttribute("role", "button");
      element?.setAttribute("aria-label", box.spoken);
      element?.classList.toggle("fold", box.kind === "fold");
    }
  }

  /** Returns by how much to shift a layout so that what stays moves as little as can be. */
  private leastShift(layout: Layout): Point {
    const [xs, ys]: [number[], number[]] = [[], []];
    for (const [id, to] of layout.boxes) {
      const from = this.targets.get(id);
      if (from !== undefined) {
        xs.push(from.x - to.x);
        ys.push(from.y - to.y);
      }
    }
    return { x: median(xs), y: median(ys) };
  }
}

function moveTo<Place>(kind: Kind<Place>, shown: Shown<Place>, to: Place, opacity: number): Move {
  const way = kind.way(shown.place, to);
  const from = shown.opacity;
  return (part) => {
    shown.place = way(part);
    kind.put(shown.element, shown.place);
    // What comes is seen once the rest has mostly moved; what goes is gone by then.
    const seen = Math.max(0, Math.min(1, opacity > from ? part * 2 - 1 : part * 2));
    shown.opacity = part >= 1 ? opacity : between(from, opacity, seen);
    if (shown.opacity >= 1) {
      shown.element.removeAttribute("opacity");
    } else {
      shown.element.setAttribute("opacity", shown.opacity.toFixed(3));
    }
  };
}

function positionOf({ x, y }: Point): Point {
  return { x, y };
}

function movedBy(place: Placed, shift: Point): Placed {
  return { ...place, x: place.x + shift.x, y: place.y + shift.y };
}

function pointMovedBy(point: Point, shift: Point): Point {
  return { x: point.x + shift.x, y: point.y + shift.y };
}

function routeMovedBy(route: Route, shift: Point): Route {
  return {
    points: route.points.map((point) => pointMovedBy(point, shift)),
    tip: route.tip && pointMovedBy(route.tip, shift),
    label: route.label && pointMovedBy(route.label, shift),
  };
}

function areaMovedBy(area: Area, shift: Point): Area {
  return { ...area, left: area.left + shift.x, top: area.top + shift.y };
}

function median(values: number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
