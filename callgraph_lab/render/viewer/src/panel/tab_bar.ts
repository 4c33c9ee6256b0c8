// The tabs: one of them shows, and arrow keys lead from one to the next.
import { button, element } from "../dom";
import { type Store, TAB_NAMES, type TabName, type ViewState } from "../state";
import type { Tab } from "../types";

const TITLES: Record<TabName, string> = {
  graph: "Graph",
  flame: "Flame graph",
  table: "Table",
  timeline: "Time line",
  events: "Events",
};

export class TabBar {
  readonly element = element("div", { class: "tab-bar", role: "tablist", "aria-label": "Views" });
  private readonly buttons = new Map<TabName, HTMLButtonElement>();
  private shown: TabName | null = null;

  constructor(
    private readonly tabs: ReadonlyMap<TabName, Tab>,
    private readonly store: Store,
  ) {
    for (const name of TAB_NAMES) {
      const made = button(
        TITLES[name],
        { id: `tab-${name}`, role: "tab", "aria-controls": `panel-${name}` },
        () => store.update({ tab: name }, { push: true }),
      );
      this.buttons.set(name, made);
      this.element.append(made);
      const panel = tabs.get(name)?.element;
      panel?.setAttribute("id", `panel-${name}`);
      panel?.setAttribute("role", "tabpanel");
      panel?.setAttribute("aria-labelledby", `tab-${name}`);
      panel?.setAttribute("hidden", "");
    }
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  update({ tab }: ViewState): void {
    for (const [name, made] of this.buttons) {
      made.setAttribute("aria-selected", String(name === tab));
      made.setAttribute("tabindex", name === tab ? "0" : "-1");
    }
    if (this.shown === tab) {
      return;
    }
    if (this.shown !== null) {
      const before = this.tabs.get(this.shown);
      before?.element.setAttribute("hidden", "");
      before?.hide();
    }
    this.shown = tab;
    const now = this.tabs.get(tab);
    now?.element.removeAttribute("hidden");
    now?.show();
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) {
      return;
    }
    const at = TAB_NAMES.indexOf(this.store.get().tab);
    const name = TAB_NAMES[(at + step + TAB_NAMES.length) % TAB_NAMES.length] ?? "graph";
    this.store.update({ tab: name }, { push: true });
    this.buttons.get(name)?.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
