// The page: its head, its side bar, its tabs and the panel of a function, all fed by one state.
import { button, element } from "./dom";
import { GraphTab } from "./graph/graph_tab";
import { correcting, initialState } from "./initial_state";
import { makeSelection } from "./model/selection";
import { Choosers } from "./panel/choosers";
import { DepthSlider } from "./panel/depth";
import { Details } from "./panel/details";
import { Filters, select } from "./panel/filters";
import { makeHeading } from "./panel/header";
import { Help } from "./panel/help";
import { HiddenSummary } from "./panel/hidden";
import { Search } from "./panel/search";
import type { Payload } from "./payload";
import { type Address, type Measure, type Store, TAB_NAMES, THEMES, type TabName, makeStore } from "./state";
import { makeEventsTab } from "./tabs/events";
import { makeFlameTab } from "./tabs/flame";
import { makePhasesPanel } from "./tabs/phases";
import { makeTableTab } from "./tabs/table";
import { makeTimelineTab } from "./tabs/timeline";
import { TabBar } from "./panel/tab_bar";
import { applyTheme, isDarkTheme, onSystemTheme } from "./theme";
import type { PageContext, Tab } from "./types";

const MEASURE_TITLES: Record<Measure, string> = {
  self: "self time",
  inclusive: "inclusive time",
  calls: "calls",
  bytes: "bytes",
};

export interface Page {
  element: HTMLElement;
  context: PageContext;
  isSettled(): boolean;
}

export function makePage(payload: Payload, address: Address): Page {
  const store = makeStore(initialState(payload), address, correcting(payload));
  const context = makeContext(payload, store);
  const { graph, tabs } = makeTabs(context);
  context.highlight = (ids) => graph.highlight(ids);
  const search = new Search(context);
  const help = new Help();
  const depth = new DepthSlider(context);
  const details = new Details(context);
  const measure = measureChooser(payload, store);
  const theme = button("", { class: "theme" }, () => nextTheme(store));
  const sidebar = makeSidebar(context);
  const bar = new TabBar(tabs, store);
  const main = element(
    "main",
    {},
    ...[...tabs.values()].map((tab) => tab.element),
  );
  const page = element(
    "div",
    { class: "page" },
    element(
      "header",
      { class: "top" },
      button("☰", { class: "menu", "aria-label": "Side bar", title: "Side bar (s)" }, () => toggleSidebar()),
      makeHeading(payload),
      search.element,
      theme,
      button("?", { "aria-label": "Keys", title: "Keys (?)" }, () => help.toggle()),
    ),
    sidebar.element,
    element(
      "div",
      { class: "tools", role: "region", "aria-label": "View" },
      bar.element,
      depth.element,
      measure.label,
    ),
    main,
    details.element,
    context.live,
    help.element,
  );
  const toggleSidebar = (): void => {
    page.classList.toggle("has-no-sidebar");
  };
  const update = (): void => {
    const state = store.get();
    applyTheme(state.theme);
    theme.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[state.theme];
    theme.title = "Light, dark, or as the system is (d)";
    measure.select.value = state.measure;
    page.classList.toggle("has-details", state.selected !== null);
    for (const part of [depth, details, sidebar, bar]) {
      part.update(state);
    }
    for (const [name, tab] of tabs) {
      if (name === state.tab) {
        tab.update(state);
      }
    }
  };
  store.subscribe(update);
  onSystemTheme(update);
  document.addEventListener("keydown", (event) =>
    pageKey(event, { store, search, help, depth, graph, toggleSidebar }),
  );
  let hasStarted = false;
  queueMicrotask(() => {
    hasStarted = true;
    update();
  });
  return { element: page, context, isSettled: () => hasStarted && graph.isSettled() };
}

interface WritableContext extends PageContext {
  highlight: PageContext["highlight"];
  live: HTMLElement;
}

function makeContext(payload: Payload, store: Store): WritableContext {
  const selection = makeSelection(payload);
  const live = element("p", { class: "only-spoken", role: "status", "aria-live": "polite" });
  return {
    payload,
    store,
    selection,
    live,
    graph: () => selection.graph(store.get()),
    fullGraph: () => selection.fullGraph(store.get()),
    tree: () => selection.tree(store.get()),
    highlight: () => undefined,
    isDark: () => isDarkTheme(store.get().theme),
    announce: (text) => {
      live.textContent = text;
    },
  };
}

function makeTabs(context: PageContext): { graph: GraphTab; tabs: Map<TabName, Tab> } {
  const graph = new GraphTab(context);
  const tabs = new Map<TabName, Tab>([
    ["graph", graph],
    ["flame", makeFlameTab(context)],
    ["table", makeTableTab(context)],
    ["timeline", makeTimelineTab(context)],
    ["events", makeEventsTab(context)],
  ]);
  return { graph, tabs };
}

function makeSidebar(context: PageContext) {
  const choosers = new Choosers(context);
  const filters = new Filters(context);
  const hidden = new HiddenSummary(context);
  const phases = makePhasesPanel(context);
  const parts = [choosers, phases, filters, hidden];
  return {
    element: element(
      "div",
      { class: "sidebar", role: "region", "aria-label": "Selection and filters" },
      ...parts.map((part) => part.element),
    ),
    update: (state: ReturnType<Store["get"]>) => parts.forEach((part) => part.update(state)),
  };
}

function measureChooser(payload: Payload, store: Store) {
  const hasBytes = payload.slices.some(({ tree }) => tree.allocated_bytes !== undefined);
  const measures = (Object.keys(MEASURE_TITLES) as Measure[]).filter(
    (measure) => measure !== "bytes" || hasBytes,
  );
  const chooser = select(
    "By",
    measures.map((measure) => [measure, MEASURE_TITLES[measure]] as const),
  );
  chooser.label.classList.add("measure");
  chooser.label.title = "What colours, and widths of the flame graph, go by";
  chooser.select.addEventListener("change", () => {
    store.update({ measure: chooser.select.value as Measure }, { push: true });
  });
  return chooser;
}

function nextTheme(store: Store): void {
  const at = THEMES.indexOf(store.get().theme);
  store.update({ theme: THEMES[(at + 1) % THEMES.length] ?? "auto" });
}

interface Keyed {
  store: Store;
  search: Search;
  help: Help;
  depth: DepthSlider;
  graph: GraphTab;
  toggleSidebar(): void;
}

/** The keys that work everywhere on the page, but not where text is typed. */
function pageKey(event: KeyboardEvent, page: Keyed): void {
  const target = event.target as Element | null;
  const isTyping = target?.closest("input:not([type=range]):not([type=checkbox]), select, textarea, dialog");
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping) {
    return;
  }
  if (actOn(event, page)) {
    event.preventDefault();
  }
}

function actOn(event: KeyboardEvent, { store, search, help, depth, graph, toggleSidebar }: Keyed): boolean {
  const state = store.get();
  const tab = TAB_NAMES[Number(event.key) - 1];
  if (tab !== undefined) {
    store.update({ tab }, { push: true });
    return true;
  }
  switch (event.key) {
    case "/":
      search.open();
      return true;
    case "?":
      help.toggle();
      return true;
    case "[":
    case "]":
      depth.step(event.key === "]" ? 1 : -1);
      return true;
    case "s":
      toggleSidebar();
      return true;
    case "d":
      nextTheme(store);
      return true;
    case "Escape":
      if (state.selected !== null) {
        store.update({ selected: null });
      } else if (state.focus !== null) {
        store.update({ focus: null }, { push: true });
      }
      return true;
  }
  return state.tab === "graph" && graph.key(event);
}
