/** The tab of the table: the functions of the graph with their figures, sorted by any of them. */
import { element } from "../dom";
import { count, duration, number, percent, shorten, size, visibleText } from "../format";
import type { ViewState } from "../state";
import type { App, CallGraph, GraphNode, MakeTab, Tab } from "../types";
import { Grid, type GridColumn } from "./grid";
import { compareTexts } from "./rows";

const LONGEST_NAME = 200;
const LONGEST_HINT = 2_000;

export const makeTableTab: MakeTab = (app) => new TableTab(app);

class TableTab implements Tab {
  readonly element: HTMLElement;
  private readonly only = element("input", { id: "table-only", type: "search", autocomplete: "off", spellcheck: "false" });
  private readonly summary = element("p", { class: "tab-summary", role: "status" });
  private readonly grid: Grid<FunctionRow>;
  private isShown = false;
  private graph: CallGraph | null = null;
  private columnKeys = "";

  constructor(private readonly app: App) {
    this.grid = new Grid<FunctionRow>({
      label: "Functions",
      columns: functionColumns({ hasResumes: false, hasOpenCalls: false, hasMemory: false }),
      sortedBy: "inclusive",
      idOf: (row) => row.id,
      choose: (row) => app.store.update({ selected: row.id }, { push: true }),
    });
    const label = element("label", { for: "table-only" }, "Only names with");
    this.element = element(
      "div",
      { class: "tab table-tab" },
      element("div", { class: "tab-tools" }, label, this.only, this.summary),
      this.grid.element,
    );
    this.only.addEventListener("input", () => this.showRows());
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
    const graph = this.app.graph();
    if (graph !== this.graph) {
      this.graph = graph;
      const columns = functionColumns(presenceOf(graph.nodes));
      const keys = columns.map((column) => column.key).join();
      if (keys !== this.columnKeys) this.grid.setColumns(columns);
      this.columnKeys = keys;
      this.showRows();
    }
    this.grid.setChosen(state.selected);
  }

  private showRows(): void {
    const graph = this.graph;
    if (graph === null) return;
    const rows = rowsOf(graph);
    const part = this.only.value.trim().toLowerCase();
    const kept = part === "" ? rows : rows.filter((row) => row.node.name.toLowerCase().includes(part));
    this.grid.setRows(kept);
    const depth = graph.query.max_depth === null ? "at every depth" : `down to depth ${graph.query.max_depth}`;
    const functions = count(kept.length, "function");
    const of = kept.length === rows.length ? "" : ` of ${number(rows.length)}`;
    const hidden = graph.hidden.functions === 0 ? "" : `; ${count(graph.hidden.functions, "function")} hidden by filters`;
    this.summary.textContent = `${functions}${of} ${depth}${hidden}`;
  }
}

/** A function, and what its times are parts of. */
export interface FunctionRow {
  id: string;
  node: GraphNode;
  allSelfNs: number;
}

export function rowsOf(graph: CallGraph): FunctionRow[] {
  const allSelfNs = graph.nodes.reduce((sum, node) => sum + node.self_ns, 0);
  return graph.nodes.filter((node) => node.kind !== "thread").map((node) => ({ id: node.id, node, allSelfNs }));
}

export interface Presence {
  hasResumes: boolean;
  hasOpenCalls: boolean;
  hasMemory: boolean;
}

export function presenceOf(nodes: readonly GraphNode[]): Presence {
  return {
    hasResumes: nodes.some((node) => node.resumes > 0),
    hasOpenCalls: nodes.some((node) => node.open_calls > 0),
    hasMemory: nodes.some((node) => node.memory !== null),
  };
}

type Figure = (node: GraphNode) => number;

/** Returns the columns, those left out that would be empty. */
export function functionColumns(presence: Presence): GridColumn<FunctionRow>[] {
  const columns = [
    nameColumn,
    figureColumn("calls", "calls", (node) => node.calls, number, "6.5rem"),
    figureColumn("inclusive", "inclusive", (node) => node.inclusive_ns, duration, "6.5rem"),
    figureColumn("self", "self", (node) => node.self_ns, duration, "6.5rem"),
    shareColumn,
    figureColumn("depth", "depth", (node) => node.min_depth, number, "4.5rem"),
    placeColumn,
  ];
  const extra: GridColumn<FunctionRow>[] = [];
  if (presence.hasMemory) {
    extra.push(
      figureColumn("allocated", "allocated", (node) => node.memory?.allocated_bytes ?? 0, size, "6rem"),
      figureColumn("net", "still there", (node) => node.memory?.net_bytes ?? 0, size, "6rem"),
    );
  }
  if (presence.hasResumes) extra.push(figureColumn("resumes", "resumes", (node) => node.resumes, number, "5.5rem"));
  if (presence.hasOpenCalls) {
    extra.push(figureColumn("open", "running", (node) => node.open_calls, number, "5.5rem"));
  }
  columns.splice(columns.length - 2, 0, ...extra);
  return columns;
}

const nameColumn: GridColumn<FunctionRow> = {
  key: "name",
  title: "function",
  width: "auto",
  text: ({ node }) => shorten(visibleText(node.name), LONGEST_NAME),
  hint: ({ node }) => shorten(visibleText(node.name), LONGEST_HINT),
  compare: (one, other) => compareTexts(one.node.name, other.node.name),
};

const shareColumn: GridColumn<FunctionRow> = {
  key: "share",
  title: "self %",
  width: "5rem",
  isNumber: true,
  text: ({ node, allSelfNs }) => percent(node.self_ns, allSelfNs),
  compare: (one, other) => one.node.self_ns - other.node.self_ns,
};

const placeColumn: GridColumn<FunctionRow> = {
  key: "place",
  title: "where",
  width: "22%",
  text: ({ node }) => placeOf(node),
  hint: ({ node }) => shorten(visibleText(node.file ? `${node.file}:${node.line}` : ""), LONGEST_HINT),
  compare: (one, other) => compareTexts(one.node.file, other.node.file) || one.node.line - other.node.line,
};

/** The file's name and its folder's, for paths are long and begin alike. */
function placeOf(node: GraphNode): string {
  if (!node.file) return node.kind === "c_function" ? "written in C" : "";
  const name = node.file.split("/").slice(-2).join("/");
  return shorten(visibleText(`${name}:${node.line}`), LONGEST_NAME);
}

function figureColumn(
  key: string,
  title: string,
  figure: Figure,
  write: (value: number) => string,
  width: string,
): GridColumn<FunctionRow> {
  return {
    key,
    title,
    width,
    isNumber: true,
    text: ({ node }) => write(figure(node)),
    compare: (one, other) => figure(one.node) - figure(other.node),
  };
}
