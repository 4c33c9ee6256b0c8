/** Sorted rows, and which of them a window shows. */

export interface RowOrder<Row> {
  compare(one: Row, other: Row): number;
  isDescending: boolean;
}

/** Returns the rows in an order; those that are alike stay as they were. */
export function sorted<Row>(rows: readonly Row[], order: RowOrder<Row>): Row[] {
  const sign = order.isDescending ? -1 : 1;
  return rows.slice().sort((one, other) => sign * order.compare(one, other));
}

/** Compares texts by what they say first, not by case. */
export function compareTexts(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a !== b) return a < b ? -1 : 1;
  return one === other ? 0 : one < other ? -1 : 1;
}

export interface Window {
  first: number;
  end: number;
}

/** Returns which of so many rows are seen, and some more on both sides. */
export function windowOf(scrolled: number, height: number, rowHeight: number, rows: number, more = 12): Window {
  const first = Math.max(Math.floor(scrolled / rowHeight) - more, 0);
  const end = Math.min(Math.ceil((scrolled + height) / rowHeight) + more, rows);
  return { first: Math.min(first, Math.max(end, 0)), end: Math.max(end, 0) };
}

/** Returns the row that a key leads to, or null for other keys; `page` is how many a window shows. */
export function rowAfterKey(key: string, row: number, rows: number, page: number): number | null {
  const steps: Record<string, number> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + page,
    PageUp: row - page,
    Home: 0,
    End: rows - 1,
  };
  const next = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (next === undefined || rows === 0) return null;
  return Math.min(Math.max(next, 0), rows - 1);
}
