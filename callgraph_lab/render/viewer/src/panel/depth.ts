// The depth slider: 1 to the deepest, the last stop shows every depth.
import { button, element } from "../dom";
import type { ViewState } from "../state";
import type { PageContext } from "../types";

export class DepthSlider {
  readonly element: HTMLElement;
  private readonly slider = element("input", {
    type: "range",
    min: 1,
    step: 1,
    "aria-label": "Depth of the graph",
    id: "depth",
  });
  private readonly text = element("output", { for: "depth", class: "depth-text" });
  private deepest = 1;

  constructor(private readonly context: PageContext) {
    this.slider.addEventListener("input", () => this.set(Number(this.slider.value)));
    this.element = element(
      "div",
      { class: "depth", role: "group", "aria-label": "Depth" },
      element("span", { class: "depth-title", "aria-hidden": "true" }, "Depth"),
      button("−", { "aria-label": "Less deep", title: "Less deep ( [ )" }, () => this.step(-1)),
      this.slider,
      button("+", { "aria-label": "Deeper", title: "Deeper ( ] )" }, () => this.step(1)),
      this.text,
    );
  }

  update(state: ViewState): void {
    this.deepest = Math.max(1, this.context.selection.ground(state).deepest);
    const depth = Math.min(state.depth ?? this.deepest, this.deepest);
    this.slider.max = String(this.deepest);
    this.slider.value = String(Math.max(1, depth));
    const text = `${depth} of ${this.deepest}`;
    this.text.textContent = text;
    this.slider.setAttribute("aria-valuetext", `depth ${text}`);
    this.slider.style.setProperty(
      "--part",
      `${this.deepest > 1 ? (100 * (depth - 1)) / (this.deepest - 1) : 100}%`,
    );
  }

  step(direction: 1 | -1): void {
    const { depth } = this.context.store.get();
    this.set(Math.min(depth ?? this.deepest, this.deepest) + direction);
  }

  private set(depth: number): void {
    this.context.store.update({ depth: Math.max(1, Math.min(this.deepest, depth)) });
  }
}
