// What the page tells of the function that is selected: figures, source, callers, callees, paths.
import { button, element } from "../dom";
import { count, duration, number, percent, shorten, size, visibleText } from "../format";
import { wholeOf } from "../graph/recording_scene";
import { type CatalogEntry, catalogOf } from "../model/catalog";
import type { ComparedFunction } from "../model/compare";
import { openCallsLines, saidOpenCalls } from "../model/endings";
import { shortNameOf } from "../model/functions";
import { pathsTo } from "../model/paths";
import type { ViewState } from "../state";
import type { CallGraph, GraphEdge, GraphNode, PageContext } from "../types";
import { pathsSection } from "./paths_section";

const MOST_NEIGHBOURS = 30;
const MOST_PATHS = 5;
const LONGEST_NAME_COLUMNS = 400;
const LONGEST_LINE_COLUMNS = 400;

export class Details {
  readonly element = element("aside", { class: "details", "aria-label": "Function", hidden: true });

  constructor(private readonly context: PageContext) {}

  update(state: ViewState): void {
    const { selection } = this.context;
    this.element.hidden = state.selected === null;
    if (state.selected === null) {
      this.element.replaceChildren();
      return;
    }
    const full = selection.fullGraph(state);
    const ground = selection.ground(state);
    const entry = catalogOf(ground, full).get(state.selected);
    const shown = this.context.graph().nodes.find((node) => node.id === state.selected) ?? null;
    const close = button("×", { class: "close", "aria-label": "Close", title: "Close (Escape)" }, () =>
      this.context.store.update({ selected: null }),
    );
    if (entry === undefined) {
      const name = visibleText(state.selected);
      this.element.replaceChildren(
        close,
        element("h2", {}, shorten(name, LONGEST_NAME_COLUMNS)),
        element("p", { class: "remark" }, "Nothing in this selection is called that."),
      );
      return;
    }
    const { paths, all } = pathsTo(ground, entry.id, MOST_PATHS);
    this.element.replaceChildren(
      close,
      this.head(entry),
      ...this.standing(entry, shown, state),
      this.tools(entry, state),
      ...this.figures(entry, shown, full, state),
      ...this.sides(state),
      ...this.source(entry),
      ...this.neighbours("Callers", full, entry.id, (edge) => [edge.target, edge.source]),
      ...this.neighbours("Callees", full, entry.id, (edge) => [edge.source, edge.target]),
      ...pathsSection(paths, all, (id, text) => this.link(id, text)),
    );
    this.element.scrollTop = 0;
  }

  private head({ of, name }: CatalogEntry): HTMLElement {
    const shortName = shortNameOf({ ...of, name });
    const kind = { function: "", c_function: "written in C", thread: "thread" }[of.kind];
    const facts = [of.module, kind, of.stdlib ? "standard library" : ""].filter((fact) => fact !== "");
    return element(
      "header",
      {},
      element("h2", {}, shownName(shortName || "(no name)")),
      element("p", { class: "remark" }, facts.map(shownName).join(" · ")),
      of.defined_in === null
        ? null
        : element("p", { class: "remark" }, `defined in ${shownName(of.defined_in)}`),
      this.place(of),
    );
  }

  private place(of: CatalogEntry["of"]): HTMLElement | null {
    if (of.file === "") {
      return null;
    }
    const text = `${shownName(of.file)}:${of.line}`;
    const isLink = of.link !== null && /^(file|vscode):\/\//.test(of.link);
    const place = isLink
      ? element("a", { href: of.link, title: "Open in the editor" }, text)
      : element("span", {}, text);
    return element("p", { class: "place" }, place);
  }

  /** Says why the function is not in the picture, where it is not. */
  private standing(entry: CatalogEntry, shown: GraphNode | null, state: ViewState): HTMLElement[] {
    if (shown !== null) {
      return [];
    }
    if (entry.node !== null) {
      const depth = entry.node.min_depth;
      return [
        element(
          "p",
          { class: "standing" },
          `Called from depth ${depth} on, deeper than the graph shows. `,
          button(`Show depth ${depth}`, {}, () => this.context.store.update({ depth }, { push: true })),
        ),
      ];
    }
    if (!entry.isHidden || entry.calls === 0) {
      return [element("p", { class: "standing" }, "It was not called in what is selected.")];
    }
    const hasOwnRules = state.include.length > 0 || state.exclude.length > 0 || state.stdlib !== null;
    const isAll = state.filters.length === 1 && state.filters[0] === "none" && !hasOwnRules;
    return [
      element(
        "p",
        { class: "standing" },
        `Hidden by the rule “${shownName(entry.rule)}”; calls across it are bridged. `,
        isAll
          ? null
          : button("Hide nothing", {}, () =>
              this.context.store.update(
                { filters: ["none"], include: [], exclude: [], stdlib: null },
                { push: true },
              ),
            ),
      ),
    ];
  }

  private tools(entry: CatalogEntry, state: ViewState): HTMLElement {
    const { store } = this.context;
    const tools = element("div", { class: "tool-row" });
    if (entry.node !== null) {
      const isFocus = state.focus === entry.id;
      const isCollapsed = state.collapsed.includes(entry.id);
      tools.append(
        button(isFocus ? "Leave focus" : "Focus", { title: "Only its neighbourhood (f)" }, () =>
          store.update({ focus: isFocus ? null : entry.id, tab: "graph" }, { push: true }),
        ),
        button(isCollapsed ? "Expand" : "Collapse", { title: "What it calls (e)" }, () =>
          store.update(
            {
              collapsed: isCollapsed
                ? state.collapsed.filter((id) => id !== entry.id)
                : [...state.collapsed, entry.id],
            },
            { push: true },
          ),
        ),
      );
    }
    return tools;
  }

  private figures(
    entry: CatalogEntry,
    shown: GraphNode | null,
    full: CallGraph,
    state: ViewState,
  ): HTMLElement[] {
    const node = shown ?? entry.node;
    if (node === null) {
      return [table([["calls", number(entry.calls)]])];
    }
    const whole = wholeOf(full.nodes, "self");
    const atAll = node.calls === node.total_calls ? "" : ` of ${number(node.total_calls)} at any depth`;
    const rows: [string, string][] = [
      ["calls", `${number(node.calls)}${atAll}`],
      ["inclusive", `${duration(node.inclusive_ns)} (${percent(node.inclusive_ns, whole)})`],
      ["self", `${duration(node.self_ns)} (${percent(node.self_ns, whole)})`],
      ["shallowest depth", number(node.min_depth)],
    ];
    if (node.resumes > 0) {
      rows.splice(1, 0, ["resumes", number(node.resumes)]);
    }
    for (const [said, times] of saidOpenCalls(node.open_calls_by_ending)) {
      rows.push([said, number(times)]);
    }
    if (node.suspended > 0) {
      rows.push(["suspended", number(node.suspended)]);
    }
    if (node.memory !== null) {
      rows.push(
        ["allocated", size(node.memory.allocated_bytes)],
        ["of it still held", size(node.memory.net_bytes)],
      );
    }
    const depth = shown === null || state.depth === null ? "at every depth" : `to depth ${state.depth}`;
    return [element("h3", {}, "Figures", element("small", {}, depth)), table(rows)];
  }

  /** The figures of both sides, where two slices are compared. */
  private sides(state: ViewState): HTMLElement[] {
    const { selection } = this.context;
    const item: ComparedFunction | undefined = selection
      .comparison(state)
      ?.functions.find(({ id }) => id === state.selected);
    if (item === undefined) {
      return [];
    }
    const told = (node: GraphNode | null): string =>
      node === null
        ? "not called"
        : [
            `${count(node.calls, "call")} · ${duration(node.inclusive_ns)} inclusive, ${duration(node.self_ns)} self`,
            ...openCallsLines(node.open_calls_by_ending),
          ].join(" · ");
    const titles = [selection.slice(state).title, selection.compareSlice(state)?.title ?? ""];
    return [
      element("h3", {}, "Compared"),
      table([
        [shownName(titles[0] ?? ""), told(item.a)],
        [shownName(titles[1] ?? ""), told(item.b)],
      ]),
    ];
  }

  private source({ of }: CatalogEntry): HTMLElement[] {
    const { sources, changed_files: changed } = this.context.payload;
    const ofFile = Object.hasOwn(sources, of.file) ? sources[of.file] : undefined;
    const key = String(of.line);
    const lines = ofFile !== undefined && Object.hasOwn(ofFile, key) ? (ofFile[key] ?? []) : [];
    if (lines.length === 0) {
      return [];
    }
    const code = element("pre", { class: "source", tabindex: 0, "aria-label": "Source" });
    lines.forEach((line, index) => {
      code.append(
        element("span", { class: "line-number", "aria-hidden": "true" }, String(of.line + index)),
        `${shorten(shownCode(line), LONGEST_LINE_COLUMNS)}\n`,
      );
    });
    return [
      element("h3", {}, "Source"),
      ...(changed.includes(of.file)
        ? [element("p", { class: "standing" }, "The file was changed since the run.")]
        : []),
      code,
    ];
  }

  private neighbours(
    title: string,
    graph: CallGraph,
    id: string,
    direction: (edge: GraphEdge) => [from: string, to: string],
  ): HTMLElement[] {
    const names = new Map(graph.nodes.map((node) => [node.id, node]));
    const edges = graph.edges
      .filter((edge) => direction(edge)[0] === id)
      .sort((one, other) => other.calls + other.resumes - one.calls - one.resumes);
    if (edges.length === 0) {
      return [];
    }
    const list = element("ul", { class: "neighbours" });
    for (const edge of edges.slice(0, MOST_NEIGHBOURS)) {
      const other = direction(edge)[1];
      const node = names.get(other);
      const resumes = edge.resumes > 0 ? ` + ${count(edge.resumes, "resume")}` : "";
      list.append(
        element(
          "li",
          {},
          this.link(other, node === undefined ? other : shortNameOf(node)),
          element(
            "span",
            { class: "figure" },
            `${number(edge.calls)}${resumes} · ${duration(edge.inclusive_ns)}`,
          ),
          edge.bridged
            ? element("span", { class: "bridged" }, `across ${count(edge.skipped_frames, "hidden frame")}`)
            : null,
        ),
      );
    }
    const left = edges.length - MOST_NEIGHBOURS;
    return [
      element("h3", {}, title, element("small", {}, number(edges.length))),
      list,
      ...(left > 0 ? [element("p", { class: "remark" }, `and ${number(left)} more`)] : []),
    ];
  }

  private link(id: string, text: string): HTMLElement {
    return button(shorten(visibleText(text), 80), { class: "link", title: shownName(id) }, () =>
      this.context.store.update({ selected: id }, { push: true }),
    );
  }
}

function shownName(name: string): string {
  return shorten(visibleText(name), LONGEST_NAME_COLUMNS);
}

/** A line of source, its tabs as spaces: they print, and are no trick. */
function shownCode(line: string): string {
  return visibleText(line.replaceAll("\t", "    "));
}

function table(rows: readonly (readonly [string, string])[]): HTMLElement {
  const list = element("dl", { class: "figures" });
  for (const [name, value] of rows) {
    list.append(element("dt", {}, name), element("dd", {}, value));
  }
  return list;
}
