/** The tab of the icicle: the contexts of the selection by time, own time, calls or memory. */
import { button, element } from "../dom";
import { count, percent, shorten, visibleText } from "../format";
import type { Measure, ViewState } from "../state";
import type { App, CutTree, MakeTab, Tab } from "../types";
import { makeCallerFrames } from "./callers";
import { type Frames, type Icicle, makeIcicle, totalOf } from "./icicle";
import { amountText, describeFrame, type Naming, textTable } from "./icicle_text";
import { IcicleWidget } from "./icicle_widget";

const NOUNS: Record<Measure, string> = { inclusive: "time", self: "time", calls: "calls", bytes: "allocated memory" };

interface Made {
  tree: CutTree;
  measure: Measure;
  isTurned: boolean;
  icicle: Icicle;
  frames: Frames;
  heat: Float64Array;
}

export const makeFlameTab: MakeTab = (app) => new FlameTab(app);

class FlameTab implements Tab {
  readonly element: HTMLElement;
  private readonly turn = button("Callers beneath", { "aria-pressed": "false" }, () => this.turnAround());
  private readonly out = button("Zoom out", { title: "Escape" }, () => this.zoomTo(this.parentOfZoomed(), false));
  private readonly whole = button("Whole", {}, () => this.zoomTo(0, false));
  private readonly summary = element("p", { class: "tab-summary" });
  private readonly empty = element("p", { class: "tab-empty", hidden: true });
  private readonly text = element("details", { class: "tab-text" }, element("summary", {}, "As a table"));
  private readonly widget = new IcicleWidget({ zoom: (frame, isSelected) => this.zoomTo(frame, isSelected) });
  private isShown = false;
  private isTurned = false;
  private made: Made | null = null;
  /** Where the icicle of callers is zoomed to: its frames stand for no one context. */
  private zoomedCallers = 0;

  constructor(private readonly app: App) {
    this.turn.title = "Begin with the functions by what each takes itself; beneath them, who called them";
    this.element = element(
      "div",
      { class: "tab flame-tab" },
      element("div", { class: "tab-tools" }, this.turn, this.out, this.whole, this.summary),
      this.empty,
      this.widget.element,
      this.text,
    );
    this.text.addEventListener("toggle", () => this.updateText());
  }

  show(): void {
    this.isShown = true;
    this.update(this.app.store.get());
  }

  hide(): void {
    this.isShown = false;
  }

  update(state: ViewState): void {
    if (!this.isShown) return;
    const made = this.make(state);
    const { frames, measure } = made;
    const zoomed = this.zoomed(state);
    const isEmpty = frames.length === 1 || frames.value[0] === 0;
    this.empty.hidden = !isEmpty;
    this.empty.textContent =
      frames.length === 1 ? "Nothing was called in this selection." : `There is no ${NOUNS[measure]} in this selection.`;
    this.widget.element.hidden = isEmpty;
    this.text.hidden = isEmpty;
    this.out.disabled = this.whole.disabled = zoomed === 0;
    this.summary.textContent = this.summaryOf(state);
    const naming = this.naming();
    this.widget.show({
      frames,
      zoomed,
      selectedNode: state.selected === null ? -1 : frames.ids.indexOf(state.selected),
      heat: made.heat,
      label: (frame) => visibleText(naming.shortName(frame)),
      describe: (frame) => describeFrame(frames, frame, naming, measure, made.isTurned),
    });
    this.updateText();
  }

  private make(state: ViewState): Made {
    const tree = this.app.tree();
    const { isTurned, made } = this;
    const measure = state.measure === "bytes" && tree.column("allocated_bytes") === null ? "self" : state.measure;
    if (made?.tree === tree && made.measure === measure && made.isTurned === isTurned) return made;
    const icicle = makeIcicle(tree, measure);
    const frames = isTurned ? makeCallerFrames(icicle.frames) : icicle.frames;
    this.zoomedCallers = 0;
    this.made = { tree, measure, isTurned, icicle, frames, heat: heatOf(frames, isTurned || measure === "inclusive") };
    return this.made;
  }

  private turnAround(): void {
    this.isTurned = !this.isTurned;
    this.turn.setAttribute("aria-pressed", String(this.isTurned));
    this.update(this.app.store.get());
  }

  private zoomed(state: ViewState): number {
    if (this.made === null) return 0;
    if (this.made.isTurned) return this.zoomedCallers;
    const context = state.zoom === null ? -1 : this.made.tree.origin.indexOf(state.zoom);
    return context < 0 ? 0 : (this.made.icicle.frameOf[context] as number);
  }

  private parentOfZoomed(): number {
    const zoomed = this.zoomed(this.app.store.get());
    return Math.max(this.made?.frames.parent[zoomed] ?? 0, 0);
  }

  private zoomTo(frame: number, isSelected: boolean): void {
    if (this.made === null) return;
    const { frames, tree, isTurned } = this.made;
    const context = frames.context[frame] as number;
    const change: Partial<ViewState> = {};
    if (isTurned) this.zoomedCallers = frame;
    else change.zoom = frame === 0 ? null : (tree.origin[context] as number);
    if (isSelected && frame > 0) change.selected = frames.ids[frames.node[frame] as number] as string;
    this.app.store.update(change, { push: true });
    // A zoom of callers, or to what is selected already, is no change of the state.
    this.update(this.app.store.get());
  }

  private naming(): Naming {
    const { payload } = this.app;
    const made = this.made;
    const functionOf = (frame: number) => {
      const context = made?.frames.context[frame] as number;
      return payload.functions[made?.tree.function[context] as number];
    };
    const everything = made?.tree.slice.title ?? "";
    return {
      shortName: (frame) => (frame === 0 ? everything : (functionOf(frame)?.short_name ?? "")),
      name: (frame) => (frame === 0 ? everything : (functionOf(frame)?.name ?? "")),
    };
  }

  private summaryOf(state: ViewState): string {
    if (this.made === null || state.selected === null) return "";
    const { frames, measure } = this.made;
    const { frames: found, value } = totalOf(this.made.icicle.frames, state.selected);
    const context = found === 0 ? -1 : firstContextOf(this.made.icicle.frames, state.selected);
    if (context < 0) return "The selected function does not show here.";
    const info = this.app.payload.functions[this.made.tree.function[context] as number];
    const name = shorten(visibleText(info?.short_name ?? ""), 60);
    const part = percent(value, frames.value[0] as number);
    const places = found === 1 ? "in one place" : `in ${count(found, "place")}`;
    return `${name}: ${amountText(value, measure)} (${part}) with its callees, ${places}`;
  }

  private updateText(): void {
    if (!this.text.open || this.made === null) return;
    const { frames, measure } = this.made;
    const table = textTable(frames, this.zoomed(this.app.store.get()), this.naming(), measure);
    this.text.replaceChildren(this.text.firstElementChild as Element, table);
  }
}

/** What colours tell, as in the graph: a function's own part, without hidden callees, or all of it. */
function heatOf(frames: Frames, isWithCallees: boolean): Float64Array {
  return isWithCallees ? frames.value : frames.own.map((own, frame) => own - (frames.hidden[frame] as number));
}

function firstContextOf(frames: Frames, id: string): number {
  const node = frames.ids.indexOf(id);
  const frame = frames.node.indexOf(node);
  return frame < 0 ? -1 : (frames.context[frame] as number);
}
