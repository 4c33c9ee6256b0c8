/** The tab of the table: the functions of the graph with their figures, sorted by any of them. */
import { element } from "../dom";
import { count, number, shorten, visibleText } from "../format";
import { type GraphComparison, summaryOf } from "../model/compare";
import type { ViewState } from "../state";
import type { CallGraph, PageContext, Tab } from "../types";
import { Grid } from "./grid";
import { comparedColumns, comparedRowsOf, type FunctionRow, functionColumns, presenceOf, rowsOf } from "./table_columns";

export const makeTableTab = (context: PageContext): Tab => new TableTab(context);

class TableTab implements Tab {
  readonly element: HTMLElement;
  private readonly only = element("input", { id: "table-only", type: "search", autocomplete: "off", spellcheck: "false" });
  private readonly summary = element("p", { class: "tab-summary", role: "status" });
  private readonly grid: Grid<FunctionRow>;
  private isShown = false;
  private shown: CallGraph | GraphComparison | null = null;
  private rows: FunctionRow[] = [];
  private about = "";
  private columnKeys = "";

  constructor(private readonly context: PageContext) {
    this.grid = new Grid<FunctionRow>({
      label: "Functions",
      columns: functionColumns({ hasResumes: false, hasOpenCalls: false, hasMemory: false }),
      sortedBy: "inclusive",
      idOf: (row) => row.id,
      choose: (row) => context.store.update({ selected: row.id }, { push: true }),
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
    this.update(this.context.store.get());
  }

  hide(): void {
    this.isShown = false;
  }

  update(state: ViewState): void {
    if (!this.isShown) return;
    const comparison = this.context.selection.comparison(state);
    if (comparison !== null && comparison !== this.shown) this.take(comparison, state);
    else if (comparison === null) this.takeGraph(this.context.graph());
    this.grid.setChosen(state.selected);
  }

  private take(comparison: GraphComparison, state: ViewState): void {
    this.shown = comparison;
    this.rows = comparedRowsOf(comparison);
    const { selection } = this.context;
    const [a, b] = [selection.slice(state), selection.compareSlice(state)].map((slice) => titleText(slice?.title ?? ""));
    const { onlyA, onlyB, changed } = summaryOf(comparison);
    this.about = `; A is ${a}, B is ${b}: ${number(onlyA)} only in A, ${number(onlyB)} only in B, ${number(changed)} called more or less often`;
    this.setColumns("change", comparedColumns());
    this.showRows();
  }

  private takeGraph(graph: CallGraph): void {
    if (graph === this.shown) return;
    this.shown = graph;
    this.rows = rowsOf(graph);
    const depth = graph.query.max_depth === null ? " at every depth" : ` down to depth ${graph.query.max_depth}`;
    const { functions } = graph.hidden;
    this.about = `${depth}${functions === 0 ? "" : `; ${count(functions, "function")} hidden by filters`}`;
    this.setColumns("inclusive", functionColumns(presenceOf(graph.nodes)));
    this.showRows();
  }

  private setColumns(sortedBy: string, columns: ReturnType<typeof functionColumns>): void {
    const keys = columns.map((column) => column.key).join();
    if (keys !== this.columnKeys) this.grid.setColumns(columns, sortedBy);
    this.columnKeys = keys;
  }

  private showRows(): void {
    const { rows } = this;
    const part = this.only.value.trim().toLowerCase();
    const kept = part === "" ? rows : rows.filter((row) => row.node.name.toLowerCase().includes(part));
    this.grid.setRows(kept);
    const of = kept.length === rows.length ? "" : ` of ${number(rows.length)}`;
    this.summary.textContent = `${count(kept.length, "function")}${of}${this.about}`;
  }
}

function titleText(title: string): string {
  return shorten(visibleText(title), 40);
}
