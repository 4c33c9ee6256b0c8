// What people do to boxes: click, double click, keys. It says what was meant, and does nothing itself.
import { type Arrow, isArrow, nearest } from "./moves";
import type { Picture } from "./picture";

export interface Intentions {
  select(id: string): void;
  focus(id: string): void;
  /** Shows what a fold hides, or hides what a function calls. */
  unfold(id: string): void;
  toggleCollapsed(id: string): void;
  /** The keyboard is at a box now. */
  reached(id: string): void;
}

/** How far apart two clicks at one place may be. */
const SAME_PLACE = 6;

/** Makes one box at a time a stop of the Tab key; arrows lead on from there. */
export class Hands {
  private current: string | null = null;
  private clicked: { id: string; x: number; y: number } | null = null;

  constructor(
    private readonly picture: Picture,
    private readonly intentions: Intentions,
  ) {
    const layer = picture.boxLayer;
    layer.addEventListener("click", (event) => this.click(event));
    // The panel that the first click opens may lie over the box when the second comes: where both
    // were is what counts, not what is there by then.
    document.addEventListener("click", (event) => this.second(event, () => undefined), true);
    document.addEventListener("dblclick", (event) => this.second(event, intentions.focus), true);
    layer.addEventListener("keydown", (event) => this.key(event));
    layer.addEventListener("focusin", (event) => {
      const id = this.idOf(event);
      if (id !== null) {
        this.moveTo(id, false);
        // A box that is clicked stays under the pointer: a second click may follow.
        if ((event.target as Element).matches(":focus-visible")) {
          intentions.reached(id);
        }
      }
    });
  }

  /** Gives the boxes of a new picture their ids, and one of them a stop of the Tab key. */
  attach(selected: string | null): void {
    const boxes = this.picture.scene?.boxes ?? [];
    for (const box of boxes) {
      const element = this.picture.box(box.id);
      element?.setAttribute("data-id", box.id);
      element?.setAttribute("tabindex", "-1");
    }
    const isThere = (id: string | null): boolean => id !== null && this.picture.box(id) !== null;
    const stop = [selected, this.current].find((id) => isThere(id ?? null)) ?? boxes[0]?.id ?? null;
    this.current = stop;
    if (stop !== null) {
      this.picture.box(stop)?.setAttribute("tabindex", "0");
    }
  }

  /** Puts the keyboard at a box. */
  moveTo(id: string, withFocus = true): void {
    const element = this.picture.box(id);
    if (element === null) {
      return;
    }
    if (this.current !== null) {
      this.picture.box(this.current)?.setAttribute("tabindex", "-1");
    }
    this.current = id;
    element.setAttribute("tabindex", "0");
    if (withFocus) {
      element.focus({ preventScroll: true });
    }
  }

  private click(event: MouseEvent): void {
    const id = this.idOf(event);
    if (id !== null) {
      event.stopPropagation();
      // A fold is gone when it is clicked.
      this.clicked = this.isFold(id) ? null : { id, x: event.clientX, y: event.clientY };
      this.press(id);
    }
  }

  /** Acts on the box that the first of two clicks was at. */
  private second(event: MouseEvent, action: (id: string) => void): void {
    if (event.detail < 2 || this.clicked === null) {
      return;
    }
    const { id, x, y } = this.clicked;
    if (Math.hypot(event.clientX - x, event.clientY - y) <= SAME_PLACE) {
      event.preventDefault();
      event.stopPropagation();
      action(id);
    }
  }

  private idOf(event: Event): string | null {
    const box = (event.target as Element | null)?.closest(".box");
    return box?.getAttribute("data-id") ?? null;
  }

  private isFold(id: string): boolean {
    return this.picture.scene?.boxes.find((box) => box.id === id)?.kind === "fold";
  }

  private press(id: string): void {
    if (this.isFold(id)) {
      this.intentions.unfold(id);
    } else {
      this.intentions.select(id);
    }
  }

  private key(event: KeyboardEvent): void {
    const id = this.idOf(event);
    if (id === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (isArrow(event.key) && !event.shiftKey) {
      this.step(id, event.key);
    } else if (event.key === "Enter" || event.key === " ") {
      this.press(id);
    } else if (event.key === "f" && !this.isFold(id)) {
      this.intentions.focus(id);
    } else if (event.key === "e") {
      if (this.isFold(id)) {
        this.intentions.unfold(id);
      } else {
        this.intentions.toggleCollapsed(id);
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private step(id: string, arrow: Arrow): void {
    const next = nearest(this.picture.places(), id, arrow);
    if (next !== null) {
      this.moveTo(next);
    }
  }
}
