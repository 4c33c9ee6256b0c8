// The tab of the graph: draws what the state asks for, and turns what people do into a new state.
import { button, element } from "../dom";
import type { ViewState } from "../state";
import type { PageContext, Tab } from "../types";
import { Camera } from "./camera";
import { FocusBar } from "./focus_bar";
import { Hands } from "./hands";
import { layOut } from "./lay_out";
import { LayoutClient } from "./layout_client";
import { legendOf } from "./legend";
import { lookOf } from "./look";
import { Picture } from "./picture";
import { DRAWN_BY, type Plan, planOf } from "./plan";
import { savePng, saveSvg } from "./save";
import { canvasMeasure } from "./scene";
import { startWorker } from "./start_worker";
import { captionLines, emptyText, spokenSummary } from "./summary";

const SLOW_MS = 200;
const PAN_STEP = 80;
/** Nothing moves under the pointer before this is over. */
const DOUBLE_CLICK_MS = 500;

export class GraphTab implements Tab {
  readonly element: HTMLElement;
  private readonly picture = new Picture();
  private readonly part = element("span", { class: "part", hidden: true }, "a part is shown");
  private readonly camera = new Camera(this.picture, (isPart) => {
    this.part.hidden = !isPart;
  });
  private readonly client = new LayoutClient(startWorker);
  private readonly measureText = canvasMeasure();
  private readonly hands: Hands;
  private readonly focusBar: FocusBar;
  private readonly legend = element("div", { class: "legend-place" });
  private readonly message = element("p", { class: "graph-message", hidden: true });
  private readonly busy = element("p", { class: "graph-busy", hidden: true }, "Laying out…");
  private plan: Plan | null = null;
  private drawn = "";
  /** The newest drawing that was asked for, and the newest that is done or has failed. */
  private serial = 0;
  private settledAt = 0;
  private isShown = false;
  private marked: readonly string[] = [];
  private revealed: string | null = null;
  private windowSize = "";

  constructor(private readonly context: PageContext) {
    this.hands = new Hands(this.picture, {
      select: (id) => this.select(id),
      focus: (id) => context.store.update({ focus: id, selected: id }, { push: true }),
      unfold: (id) => this.unfold(id),
      toggleCollapsed: (id) => this.toggleCollapsed(id),
      reached: (id) => this.reveal(id),
    });
    this.focusBar = new FocusBar(context);
    const { svg } = this.picture;
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Call graph. Arrow keys move between functions.");
    svg.addEventListener("click", () => context.store.update({ selected: null }));
    const ground = element("div", { class: "graph-ground" });
    ground.append(svg, this.message, this.busy, this.cameraTools());
    this.element = element("section", { class: "graph-tab", "aria-label": "Graph" });
    this.element.append(this.focusBar.element, ground, this.legend);
    this.client.warmUp();
    new ResizeObserver(() => this.resized()).observe(svg);
  }

  show(): void {
    this.isShown = true;
    this.update(this.context.store.get());
  }

  hide(): void {
    this.isShown = false;
  }

  update(state: ViewState): void {
    if (!this.isShown) {
      return;
    }
    const key = JSON.stringify([DRAWN_BY.map((name) => state[name]), this.context.isDark()]);
    if (key === this.drawn) {
      this.mark(state);
      return;
    }
    this.drawn = key;
    void this.draw(state);
  }

  /** Marks boxes beside the one that is selected. */
  highlight(ids: readonly string[]): void {
    this.marked = ids;
    this.mark(this.context.store.get());
    const [first] = ids;
    const place = first === undefined ? null : this.picture.place(first);
    if (place !== null) {
      this.camera.reveal(place);
    }
  }

  /** Whether what is drawn is what the state asks for, and has come to rest. */
  isSettled(): boolean {
    return !this.isShown || (this.settledAt === this.serial && !this.picture.isMoving);
  }

  /** Keys of the page that are meant for the picture; tells whether it was one. */
  key(event: KeyboardEvent): boolean {
    switch (event.key) {
      case "+":
      case "=":
        this.camera.zoomBy(1);
        return true;
      case "-":
        this.camera.zoomBy(-1);
        return true;
      case "0":
        this.camera.fit();
        return true;
    }
    if (event.shiftKey && event.key.startsWith("Arrow")) {
      const [x, y] = { Left: [1, 0], Right: [-1, 0], Up: [0, 1], Down: [0, -1] }[
        event.key.slice("Arrow".length)
      ] ?? [0, 0];
      this.camera.panBy((x ?? 0) * PAN_STEP, (y ?? 0) * PAN_STEP);
      return true;
    }
    return false;
  }

  async save(format: "svg" | "png"): Promise<void> {
    if (this.plan === null) {
      return;
    }
    const { payload } = this.context;
    const saved = {
      svg: this.picture.svg,
      bounds: this.picture.bounds,
      look: lookOf(this.context.isDark()),
      caption: captionLines(this.plan, payload.recording),
      fileName: payload.recording.name.replace(/[^\w.-]+/g, "_") || "graph",
    };
    try {
      if (format === "svg") {
        saveSvg(saved);
      } else {
        await savePng(saved);
      }
      this.context.announce(`Saved ${saved.fileName}.${format}`);
    } catch (error) {
      this.tell(`The picture could not be saved: ${String(error)}`);
    }
  }

  /** A new size of the window is a new look; a panel that opens must not make boxes jump. */
  private resized(): void {
    const size = `${window.innerWidth} ${window.innerHeight}`;
    const { selected } = this.context.store.get();
    if (size !== this.windowSize) {
      this.windowSize = size;
      this.camera.follow(false);
    } else if (selected !== null) {
      setTimeout(() => this.reveal(selected), DOUBLE_CLICK_MS);
    }
  }

  private async draw(state: ViewState): Promise<void> {
    this.serial += 1;
    const { serial } = this;
    const look = lookOf(this.context.isDark());
    const slow = setTimeout(() => {
      this.busy.hidden = false;
    }, SLOW_MS);
    try {
      const plan = planOf(this.context.selection, state, look, this.measureText);
      this.focusBar.update(state, plan);
      const layout = await layOut(this.client, plan.scene);
      if (layout === null || serial !== this.serial) {
        return;
      }
      const isFirst = this.plan === null;
      this.plan = plan;
      this.picture.show(plan.scene, layout, look, !isFirst);
      this.hands.attach(state.selected);
      this.camera.follow(!isFirst);
      this.legend.replaceChildren(legendOf(plan, state.measure, look));
      this.mark(this.context.store.get());
      this.tell(emptyText(plan, this.context, state));
      this.context.announce(spokenSummary(plan, state));
    } catch (error) {
      this.tell(`This graph could not be laid out: ${String(error)}. Try a smaller depth.`);
    } finally {
      clearTimeout(slow);
      this.busy.hidden ||= serial === this.serial;
      this.settledAt = Math.max(this.settledAt, serial);
    }
  }

  private mark(state: ViewState): void {
    const { scene } = this.picture;
    if (scene === null) {
      return;
    }
    for (const box of scene.boxes) {
      const shape = this.picture.box(box.id);
      shape?.classList.toggle("is-selected", box.id === state.selected);
      shape?.classList.toggle("is-marked", this.marked.includes(box.id));
      if (box.id === state.selected) {
        shape?.setAttribute("aria-current", "true");
      } else {
        shape?.removeAttribute("aria-current");
      }
    }
    for (const line of scene.lines) {
      const isNear = state.selected !== null && [line.source, line.target].includes(state.selected);
      this.picture.line(line.id)?.classList.toggle("is-near", isNear);
    }
    if (state.selected !== this.revealed) {
      this.revealed = state.selected;
      if (state.selected !== null) {
        this.reveal(state.selected);
      }
    }
  }

  private reveal(id: string): void {
    const place = this.picture.place(id);
    if (place !== null) {
      this.camera.reveal(place);
    }
  }

  private select(id: string): void {
    this.revealed = id;
    this.context.store.update({ selected: id });
  }

  private unfold(id: string): void {
    const fold = this.plan?.drawing.folds.find((one) => one.id === id);
    const { store } = this.context;
    const state = store.get();
    if (fold === undefined) {
      return;
    }
    const { caller } = fold;
    if (caller === null) {
      store.update({ maxNodes: state.maxNodes + fold.members.length }, { push: true });
    } else if (state.collapsed.includes(caller)) {
      store.update({ collapsed: state.collapsed.filter((one) => one !== caller) }, { push: true });
    } else {
      store.update({ expanded: [...state.expanded, caller] }, { push: true });
    }
    if (caller !== null) {
      this.hands.moveTo(caller);
    }
  }

  private toggleCollapsed(id: string): void {
    const { store } = this.context;
    const { collapsed, expanded } = store.get();
    store.update(
      collapsed.includes(id)
        ? { collapsed: collapsed.filter((one) => one !== id) }
        : { collapsed: [...collapsed, id], expanded: expanded.filter((one) => one !== id) },
      { push: true },
    );
  }

  private tell(text: string): void {
    this.message.textContent = text;
    this.message.hidden = text === "";
  }

  private cameraTools(): HTMLElement {
    const tools = element("div", { class: "camera-tools", role: "group", "aria-label": "View" });
    tools.append(
      this.part,
      button("+", { "aria-label": "Zoom in", title: "Zoom in (+)" }, () => this.camera.zoomBy(1)),
      button("−", { "aria-label": "Zoom out", title: "Zoom out (-)" }, () =>
        this.camera.zoomBy(-1),
      ),
      button("Fit", { title: "Show all of it (0)" }, () => this.camera.fit()),
      button("SVG", { "aria-label": "Save as SVG", title: "Save the picture as SVG" }, () => void this.save("svg")),
      button("PNG", { "aria-label": "Save as PNG", title: "Save the picture as PNG" }, () => void this.save("png")),
    );
    return tools;
  }
}
