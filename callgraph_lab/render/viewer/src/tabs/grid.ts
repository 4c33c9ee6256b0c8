/**
 * A table that sorts and that has any number of rows: only those in its window are there.
 *
 * The keyboard moves a current row (`aria-activedescendant`): rows come and go while one scrolls,
 * and focus on one of them would go with it.
 */
import { element } from "../dom";
import { rowAfterKey, sorted, windowOf } from "./rows";

export interface GridColumn<Row> {
  key: string;
  title: string;
  /** Of the whole width; the others share what is left. */
  width: string;
  isNumber?: boolean;
  /** What is written: fit to be shown. */
  text(row: Row): string;
  /** What stands behind it in quieter letters: fit to be shown. */
  note?(row: Row): string;
  /** What else there is to say of it, in a tooltip. */
  hint?(row: Row): string;
  compare(one: Row, other: Row): number;
}

export interface GridOptions<Row> {
  label: string;
  columns: readonly GridColumn<Row>[];
  /** The column that is sorted by first. */
  sortedBy: string;
  idOf(row: Row): string;
  /** Enter, or a click. */
  choose(row: Row): void;
}

const ROW_HEIGHT = 26;
let grids = 0;

export class Grid<Row> {
  readonly element: HTMLElement;
  private readonly table: HTMLTableElement;
  private readonly body = element("tbody");
  private readonly heads = new Map<string, HTMLTableCellElement>();
  private readonly number = ++grids;
  private rows: Row[] = [];
  private given: readonly Row[] = [];
  private sortKey: string;
  private isDescending: boolean;
  private current = 0;
  private chosen: string | null = null;
  private columns: readonly GridColumn<Row>[];

  constructor(private readonly options: GridOptions<Row>) {
    this.columns = options.columns;
    this.sortKey = options.sortedBy;
    this.isDescending = this.column()?.isNumber ?? false;
    this.table = element("table", {
      class: "grid",
      role: "grid",
      tabindex: 0,
      "aria-label": options.label,
      "aria-multiselectable": "false",
    });
    this.element = element("div", { class: "grid-scroll" }, this.table);
    this.setColumns(options.columns);
    this.element.addEventListener("scroll", () => this.draw());
    this.table.addEventListener("keydown", (event) => this.onKey(event));
    // Rows stay the same: a click that gives the focus began on one of them.
    this.table.addEventListener("focus", () => this.markCurrent());
    this.table.addEventListener("blur", () => this.markCurrent());
    this.body.addEventListener("click", (event) => this.onClick(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Shows other columns; the order stays where its column does, else it is by another one. */
  setColumns(columns: readonly GridColumn<Row>[], sortedBy = this.options.sortedBy): void {
    this.columns = columns;
    this.heads.clear();
    const widths = columns.map((column) => {
      const col = element("col");
      col.style.width = column.width;
      return col;
    });
    const heads = columns.map((column) => this.head(column));
    this.table.replaceChildren(
      element("colgroup", {}, ...widths),
      element("thead", {}, element("tr", { "aria-rowindex": 1 }, ...heads)),
      this.body,
    );
    this.table.setAttribute("aria-colcount", String(columns.length));
    if (this.column() === undefined) {
      this.sortKey = sortedBy;
      this.isDescending = this.column()?.isNumber ?? false;
    }
    this.sort();
  }

  setRows(rows: readonly Row[]): void {
    this.given = rows;
    this.sort();
  }

  /** Marks the row that is chosen elsewhere. */
  setChosen(id: string | null): void {
    if (id === this.chosen) return;
    this.chosen = id;
    this.draw();
  }

  /** Sorts by a column: the other way round if it is sorted by it already. */
  sortBy(key: string): void {
    const isSame = this.sortKey === key;
    this.sortKey = key;
    this.isDescending = isSame ? !this.isDescending : (this.column()?.isNumber ?? false);
    this.current = 0;
    this.element.scrollTop = 0;
    this.sort();
  }

  private column(): GridColumn<Row> | undefined {
    return this.columns.find((column) => column.key === this.sortKey);
  }

  private head(column: GridColumn<Row>): HTMLTableCellElement {
    const sorter = element("button", { type: "button" }, column.title);
    sorter.addEventListener("click", () => this.sortBy(column.key));
    const head = element("th", { scope: "col", class: column.isNumber ? "number" : null }, sorter);
    this.heads.set(column.key, head);
    return head;
  }

  private sort(): void {
    const by = this.column();
    this.rows =
      by === undefined
        ? [...this.given]
        : sorted(this.given, { compare: (one, other) => by.compare(one, other), isDescending: this.isDescending });
    for (const [key, head] of this.heads) {
      const direction = this.isDescending ? "descending" : "ascending";
      if (key === this.sortKey) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    }
    this.current = Math.min(this.current, Math.max(this.rows.length - 1, 0));
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.draw();
  }

  private draw(): void {
    const { rows, element: scroller } = this;
    const { first, end } = windowOf(scroller.scrollTop, scroller.clientHeight, ROW_HEIGHT, rows.length);
    const made = rows.slice(first, end).map((row, index) => this.row(row, first + index));
    this.body.replaceChildren(space(first), ...made, space(rows.length - end));
    this.markCurrent();
    if (this.current >= first && this.current < end) {
      this.table.setAttribute("aria-activedescendant", this.rowId(this.current));
    } else {
      this.table.removeAttribute("aria-activedescendant");
    }
  }

  private rowId(index: number): string {
    return `grid-${this.number}-row-${index}`;
  }

  private markCurrent(): void {
    const hasFocus = document.activeElement === this.table;
    for (const row of this.body.children) {
      row.classList.toggle("current", hasFocus && row.id === this.rowId(this.current));
    }
  }

  private row(row: Row, index: number): HTMLTableRowElement {
    const cells = this.columns.map((column, place) => {
      const hint = column.hint?.(row) ?? null;
      const attributes = { class: column.isNumber ? "number" : null, title: hint };
      const cell = place === 0 ? element("th", { scope: "row", ...attributes }) : element("td", attributes);
      cell.append(column.text(row));
      const note = column.note?.(row) ?? "";
      if (note !== "") cell.append(" ", element("span", { class: "note" }, note));
      return cell;
    });
    const made = element(
      "tr",
      {
        id: this.rowId(index),
        "aria-rowindex": index + 2,
        "aria-selected": this.options.idOf(row) === this.chosen ? "true" : "false",
      },
      ...cells,
    );
    made.dataset["row"] = String(index);
    return made;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.table || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(this.element.clientHeight / ROW_HEIGHT) - 2, 1);
    const next = rowAfterKey(event.key, this.current, this.rows.length, page);
    const row = this.rows[this.current];
    if (next !== null) {
      this.moveTo(next);
    } else if ((event.key === "Enter" || event.key === " ") && row !== undefined) {
      this.options.choose(row);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private moveTo(index: number): void {
    this.current = index;
    const { element: scroller } = this;
    // The heads stay at the top and cover a row.
    const top = index * ROW_HEIGHT;
    const bottom = top + 2 * ROW_HEIGHT - scroller.clientHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
    this.draw();
  }

  private onClick(event: MouseEvent): void {
    const made = (event.target as Element).closest("tr[data-row]") as HTMLElement | null;
    const index = Number(made?.dataset["row"] ?? -1);
    const row = this.rows[index];
    if (row === undefined) return;
    this.table.focus({ preventScroll: true });
    this.moveTo(index);
    this.options.choose(row);
  }
}

function space(rows: number): HTMLTableRowElement {
  const made = element("tr", { class: "space", "aria-hidden": "true" });
  made.style.height = `${Math.max(rows, 0) * ROW_HEIGHT}px`;
  return made;
}
