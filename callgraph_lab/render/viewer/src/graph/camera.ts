// Where the window looks: zoom and pan of the picture, by d3-zoom.
import { select } from "d3-selection";
import { type ZoomBehavior, zoom, zoomIdentity, zoomTransform } from "d3-zoom";
import "d3-transition";
import type { Area, Placed } from "./layout";
import type { Picture } from "./picture";

const MARGIN = 24;
const LARGEST_FIT = 1.15;
/** Below it names cannot be read: a first look shows a part rather than all. */
const LEGIBLE_FIT = 0.5;
const FACTOR = 1.35;
const DURATION_MS = 550;

type Moving = Parameters<ZoomBehavior<SVGSVGElement, unknown>["transform"]>[0];

export class Camera {
  private readonly behaviour: ZoomBehavior<SVGSVGElement, unknown>;
  /** Until people zoom or pan, every new picture is fitted into the window. */
  private isFitting = true;

  constructor(
    private readonly picture: Picture,
    /** Told whether all of the picture is in the window, whenever that changes. */
    private readonly onPart: (isPart: boolean) => void,
  ) {
    this.behaviour = zoom<SVGSVGElement, unknown>()
      .scaleExtent([0.05, 6])
      .on("zoom", (event) => {
        picture.viewport.setAttribute("transform", String(event.transform));
        this.onPart(this.isPart());
        // Only what people do has a source event.
        if (event.sourceEvent) {
          this.isFitting = false;
        }
      });
    select(picture.svg).call(this.behaviour).on("dblclick.zoom", null);
  }

  private isPart(): boolean {
    const { width, height } = this.picture.svg.getBoundingClientRect();
    const { x, y, k } = zoomTransform(this.picture.svg);
    const { left, top, width: wide, height: tall } = this.picture.bounds;
    const [start, end] = [left * k + x, (left + wide) * k + x];
    const [above, below] = [top * k + y, (top + tall) * k + y];
    return width > 0 && (start < -1 || end > width + 1 || above < -1 || below > height + 1);
  }

  /** Follows to a new picture: fits it, unless people have chosen where to look. */
  follow(isAnimated: boolean): void {
    if (this.isFitting) {
      this.look(LEGIBLE_FIT, isAnimated);
    }
  }

  /** Shows all of the picture. */
  fit(isAnimated = true): void {
    this.isFitting = true;
    this.look(0.05, isAnimated);
  }

  zoomBy(direction: 1 | -1): void {
    this.isFitting = false;
    this.behaviour.scaleBy(this.moving(true), direction > 0 ? FACTOR : 1 / FACTOR);
  }

  panBy(x: number, y: number): void {
    this.isFitting = false;
    const { k } = zoomTransform(this.picture.svg);
    this.behaviour.translateBy(this.moving(false), x / k, y / k);
  }

  /** Moves a box into the window, as little as needed. */
  reveal(place: Placed): void {
    const { width, height } = this.picture.svg.getBoundingClientRect();
    const { x, y, k } = zoomTransform(this.picture.svg);
    const [left, top] = [
      lacking(place.x * k + x, (place.width * k) / 2, width),
      lacking(place.y * k + y, (place.height * k) / 2, height),
    ];
    if (width > 0 && (left !== 0 || top !== 0)) {
      this.isFitting = false;
      this.behaviour.translateBy(this.moving(true), left / k, top / k);
    }
  }

  private look(leastScale: number, isAnimated: boolean): void {
    const { width, height } = this.picture.svg.getBoundingClientRect();
    const area = this.picture.bounds;
    if (width === 0 || area.width === 0) {
      return;
    }
    const scale = Math.max(leastScale, Math.min(LARGEST_FIT, fitting(area, width, height)));
    const root = this.picture.scene?.boxes.find((box) => box.kind === "thread");
    const place = (root && this.picture.place(root.id)) ?? null;
    const transform = zoomIdentity
      .translate(
        shiftInto(width, scale, area.left, area.width, place?.x ?? area.left),
        shiftInto(height, scale, area.top, area.height, place?.y ?? area.top),
      )
      .scale(scale);
    this.behaviour.transform(this.moving(isAnimated), transform);
  }

  private moving(isAnimated: boolean): Moving {
    const svg = select<SVGSVGElement, unknown>(this.picture.svg);
    const isStill = document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
    return isAnimated && !isStill ? svg.transition().duration(DURATION_MS) : svg.interrupt();
  }
}

function fitting(area: Area, width: number, height: number): number {
  return Math.min((width - 2 * MARGIN) / area.width, (height - 2 * MARGIN) / area.height);
}

/** Returns by how much to shift along one axis: to the middle, or where not all fits, to a root. */
function shiftInto(room: number, scale: number, start: number, size: number, root: number): number {
  if (size * scale + 2 * MARGIN <= room) {
    return room / 2 - (start + size / 2) * scale;
  }
  const atStart = MARGIN - start * scale;
  const atEnd = room - MARGIN - (start + size) * scale;
  return Math.min(atStart, Math.max(atEnd, room / 2 - root * scale));
}

/** Returns by how much something is to move along one axis to be in the window. */
function lacking(middle: number, half: number, room: number): number {
  const [before, behind] = [middle - half - MARGIN, room - MARGIN - (middle + half)];
  if (before >= 0 && behind >= 0) {
    return 0;
  }
  return before < 0 ? -before : behind;
}
