/**
 * The icicle that people use: a canvas that shows a window of it, zoomed by click and by keyboard.
 *
 * A canvas says nothing to those who do not see it, so the view is a tree of which one item is
 * there at a time: the frame that the keyboard is at.
 */
import { isDark, palette } from "../colours";
import { element } from "../dom";
import type { Frames } from "./icicle";
import { drawIcicle, ROW_HEIGHT } from "./icicle_canvas";
import { type Bar, barAt, type Span, spanOf, type Step, stepFrom, visibleBars } from "./icicle_view";

export interface Shown {
  frames: Frames;
  zoomed: number;
  /** Index into the frames' ids, -1 for none. */
  selectedNode: number;
  /** By frame: what its colour tells. */
  heat: Float64Array;
  /** What is written on a frame, and all that is to be said of it; fit to be shown. */
  label(frame: number): string;
  describe(frame: number): string;
}

export interface Actions {
  /** Zoom to a frame; `isSelected` when its function was meant as well. */
  zoom(frame: number, isSelected: boolean): void;
}

const ANIMATION_MS = 180;
const STEPS: readonly string[] = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"];
let items = 0;

export class IcicleWidget {
  readonly element: HTMLElement;
  private readonly canvas = element("canvas", { "aria-hidden": "true" });
  private readonly sheet = element("div", { class: "icicle-sheet", role: "presentation" }, this.canvas);
  private readonly view = element(
    "div",
    { class: "icicle-view", tabindex: 0, role: "tree", "aria-label": "Icicle of contexts" },
    this.sheet,
  );
  private readonly tooltip = element("div", { class: "icicle-tooltip", "aria-hidden": "true", hidden: true });
  private item: HTMLElement | null = null;
  private shown: Shown | null = null;
  private span: Span = { from: 0, until: 0 };
  private bars: Bar[] = [];
  private current = 0;
  private pointed = -1;
  private drawRequest = 0;
  private animation = 0;

  constructor(private readonly actions: Actions) {
    this.element = element("div", { class: "icicle" }, this.view, this.tooltip);
    this.view.addEventListener("scroll", () => this.requestDraw());
    this.view.addEventListener("keydown", (event) => this.onKey(event));
    this.view.addEventListener("focus", () => this.moveTo(this.current));
    this.view.addEventListener("blur", () => this.requestDraw());
    this.canvas.addEventListener("click", (event) => this.onClick(event));
    this.canvas.addEventListener("mousemove", (event) => this.onPoint(event));
    this.canvas.addEventListener("mouseleave", () => this.pointAt(undefined));
    new ResizeObserver(() => this.requestDraw()).observe(this.view);
  }

  /** Shows other frames, or the same ones zoomed to another: then the window moves there. */
  show(shown: Shown): void {
    const isSame = this.shown?.frames === shown.frames;
    const wasZoomed = this.shown?.zoomed;
    this.shown = shown;
    this.sheet.style.height = `${shown.frames.rows * ROW_HEIGHT}px`;
    const goal = spanOf(shown.frames, shown.zoomed);
    if (!isSame) {
      this.current = shown.zoomed;
      this.pointAt(undefined);
    }
    if (!isSame || wasZoomed !== shown.zoomed) {
      this.moveTo(shown.zoomed);
      if (isSame) this.animateTo(goal);
      else this.span = goal;
    }
    this.requestDraw();
  }

  /** Draws again: the page has other colours, or another size. */
  requestDraw(): void {
    if (this.drawRequest !== 0) return;
    this.drawRequest = requestAnimationFrame(() => {
      this.drawRequest = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { shown, view } = this;
    const [width, height] = [view.clientWidth, view.clientHeight];
    if (shown === null || width === 0) return;
    const first = Math.floor(view.scrollTop / ROW_HEIGHT);
    const end = Math.ceil((view.scrollTop + height) / ROW_HEIGHT);
    this.bars = visibleBars(shown.frames, this.span, width, first, Math.min(end, shown.frames.rows));
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const dark = isDark(document);
    drawIcicle(
      this.canvas,
      {
        frames: shown.frames,
        bars: this.bars,
        label: shown.label,
        heat: shown.heat,
        colours: palette(dark),
        dark,
        font: getComputedStyle(view).fontFamily || "sans-serif",
        selectedNode: shown.selectedNode,
        current: document.activeElement === view ? this.current : -1,
        pointed: this.pointed,
        width,
        height,
        scrolledPixels: view.scrollTop,
      },
      window.devicePixelRatio || 1,
    );
  }

  private animateTo(goal: Span): void {
    cancelAnimationFrame(this.animation);
    const from = this.span;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.span = goal;
      return;
    }
    const start = performance.now();
    const step = (now: number): void => {
      const part = Math.min(Math.max((now - start) / ANIMATION_MS, 0), 1);
      const eased = 1 - (1 - part) ** 3;
      this.span =
        part === 1
          ? goal
          : {
              from: from.from + (goal.from - from.from) * eased,
              until: from.until + (goal.until - from.until) * eased,
            };
      this.draw();
      if (part < 1) this.animation = requestAnimationFrame(step);
    };
    this.animation = requestAnimationFrame(step);
  }

  private onKey(event: KeyboardEvent): void {
    const { shown } = this;
    if (shown === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (STEPS.includes(event.key)) {
      const goal = spanOf(shown.frames, shown.zoomed);
      this.moveTo(stepFrom(shown.frames, this.current, event.key as Step, goal, this.view.clientWidth));
    } else if (event.key === "Enter" || event.key === " ") {
      this.actions.zoom(this.current, true);
    } else if (event.key === "Escape" && shown.zoomed > 0) {
      this.actions.zoom(shown.frames.parent[shown.zoomed] as number, false);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private moveTo(frame: number): void {
    const { shown, view } = this;
    if (shown === null) return;
    this.current = frame;
    const row = shown.frames.row[frame] as number;
    if (row * ROW_HEIGHT < view.scrollTop) view.scrollTop = row * ROW_HEIGHT;
    const bottom = (row + 1) * ROW_HEIGHT - view.clientHeight;
    if (bottom > view.scrollTop) view.scrollTop = bottom;
    this.tellOf(frame, shown);
    this.requestDraw();
  }

  /** Puts the one item of the tree: a new one each time, or a screen reader keeps silent. */
  private tellOf(frame: number, shown: Shown): void {
    const { frames } = shown;
    const parent = frames.parent[frame] as number;
    const first = parent < 0 ? 0 : (frames.firstChild[parent] as number);
    const end = parent < 0 ? 1 : (frames.childrenEnd[parent] as number);
    const hasChildren = (frames.firstChild[frame] as number) < (frames.childrenEnd[frame] as number);
    items++;
    const item = element(
      "div",
      {
        class: "visually-hidden",
        role: "treeitem",
        id: `icicle-item-${items}`,
        "aria-level": (frames.row[frame] as number) + 1,
        "aria-posinset": frame - first + 1,
        "aria-setsize": end - first,
        "aria-selected": frames.node[frame] === shown.selectedNode ? "true" : "false",
        "aria-expanded": hasChildren ? "true" : null,
      },
      shown.describe(frame),
    );
    this.item?.remove();
    this.item = item;
    this.view.append(item);
    this.view.setAttribute("aria-activedescendant", item.id);
  }

  private barUnder(event: MouseEvent): Bar | undefined {
    const row = Math.floor((event.offsetY + this.view.scrollTop) / ROW_HEIGHT);
    return barAt(this.bars, row, event.offsetX);
  }

  private onClick(event: MouseEvent): void {
    const bar = this.barUnder(event);
    const { shown } = this;
    if (bar === undefined || shown === null) return;
    this.view.focus({ preventScroll: true });
    if (bar.frames === 1) {
      this.moveTo(bar.frame);
      this.actions.zoom(bar.frame, true);
      return;
    }
    const parent = shown.frames.parent[bar.frame] as number;
    this.actions.zoom(parent === shown.zoomed ? bar.frame : parent, false);
  }

  private onPoint(event: MouseEvent): void {
    this.pointAt(this.barUnder(event), event);
  }

  private pointAt(bar: Bar | undefined, event?: MouseEvent): void {
    const pointed = bar?.frames === 1 ? bar.frame : -1;
    this.canvas.style.cursor = bar === undefined ? "default" : "pointer";
    this.tooltip.hidden = bar === undefined;
    if (bar !== undefined && event !== undefined) {
      this.tooltip.textContent =
        bar.frames === 1
          ? (this.shown?.describe(bar.frame) ?? "")
          : `${bar.frames} contexts, each too narrow to be drawn: click to zoom`;
      this.placeTooltip(event);
    }
    if (pointed !== this.pointed) {
      this.pointed = pointed;
      this.requestDraw();
    }
  }

  private placeTooltip(event: MouseEvent): void {
    const around = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - around.left, event.clientY - around.top];
    const { offsetWidth, offsetHeight } = this.tooltip;
    const left = Math.max(Math.min(x + 12, around.width - offsetWidth - 4), 4);
    const isRoomBelow = y + 18 + offsetHeight < around.height;
    this.tooltip.style.left = `${left}px`;
    this.tooltip.style.top = `${isRoomBelow ? y + 18 : Math.max(y - offsetHeight - 10, 0)}px`;
  }
}
