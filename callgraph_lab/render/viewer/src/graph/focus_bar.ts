// The bar above the picture: breadcrumbs of where one is, and how far the neighbourhood reaches.
import { button, element } from "../dom";
import { shorten, visibleText } from "../format";
import type { ViewState } from "../state";
import type { PageContext } from "../types";
import type { Plan } from "./plan";

const LONGEST_CRUMB_COLUMNS = 48;
const MOST_LEVELS = 12;

export class FocusBar {
  readonly element = element("nav", { class: "focus-bar", "aria-label": "Where you are" });

  constructor(private readonly context: PageContext) {}

  update(state: ViewState, plan: Plan): void {
    const { store, selection } = this.context;
    const slice = selection.slice(state);
    const crumbs: HTMLElement[] = [
      this.crumb("Everything", {
        slice: this.context.payload.slices[0]?.key ?? state.slice,
        compare: null,
        process: null,
        thread: null,
        focus: null,
      }),
    ];
    if (slice.key !== this.context.payload.slices[0]?.key || state.compare !== null) {
      const title = state.compare === null ? slice.title : plan.sides.join(" → ");
      crumbs.push(this.crumb(title, { process: null, thread: null, focus: null }));
    }
    if (state.process !== null) {
      crumbs.push(this.crumb(`process ${state.process}`, { thread: null, focus: null }));
    }
    if (state.thread !== null) {
      const name = slice.threads[state.thread]?.name ?? "";
      crumbs.push(this.crumb(`thread ${name}`, { focus: null }));
    }
    const isFolded = state.expanded.length > 0 || state.collapsed.length > 0;
    const tools: HTMLElement[] = [];
    if (state.focus !== null) {
      crumbs.push(this.crumb(state.focus, {}));
      tools.push(...this.levels(state, plan));
    }
    if (isFolded) {
      tools.push(
        button("Fold as before", { class: "quiet" }, () =>
          store.update({ expanded: [], collapsed: [] }, { push: true }),
        ),
      );
    }
    crumbs.at(-1)?.setAttribute("aria-current", "location");
    const list = element("ol", { class: "crumbs" });
    list.append(...crumbs.map((crumb) => element("li", {}, crumb)));
    this.element.replaceChildren(list, ...tools);
    this.element.hidden = crumbs.length === 1 && tools.length === 0;
  }

  private crumb(title: string, change: Partial<ViewState>): HTMLElement {
    const shown = shorten(visibleText(title), LONGEST_CRUMB_COLUMNS);
    return button(shown, { class: "crumb" }, () =>
      this.context.store.update(change, { push: true }),
    );
  }

  private levels(state: ViewState, plan: Plan): HTMLElement[] {
    const { store, selection } = this.context;
    if (plan.isFocusMissing) {
      const full = selection.fullGraph(state).nodes.find((node) => node.id === state.focus);
      const text =
        full === undefined
          ? "It does not show here: it was not called, or a filter hides it."
          : `It is called at depth ${full.min_depth} and deeper.`;
      const parts: HTMLElement[] = [element("span", { class: "focus-missing" }, text)];
      if (full !== undefined) {
        parts.push(
          button(`Show depth ${full.min_depth}`, {}, () => store.update({ depth: full.min_depth })),
        );
      }
      return [...parts, this.leave()];
    }
    const level = (label: string, key: "up" | "down"): HTMLElement => {
      const input = element("input", {
        type: "number",
        min: 0,
        max: MOST_LEVELS,
        value: state[key],
        "aria-label": `Levels of ${label}`,
      });
      input.addEventListener("change", () => {
        const wanted = Math.round(Number(input.value));
        store.update({ [key]: Math.max(0, Math.min(MOST_LEVELS, wanted || 0)) });
      });
      return element("label", { class: "level" }, label, input);
    };
    return [level("callers", "up"), level("callees", "down"), this.leave()];
  }

  private leave(): HTMLElement {
    return button("Leave focus", { title: "Show the whole graph again (Escape)" }, () =>
      this.context.store.update({ focus: null }, { push: true }),
    );
  }
}
