/** The columns of the table of functions: of one graph, and of two that are compared. */
import { duration, number, percent, shorten, size, visibleText } from "../format";
import { openCallsCell, openCallsLines } from "../model/endings";
import type { GraphComparison } from "../model/compare";
import type { CallGraph, GraphNode } from "../types";
import type { GridColumn } from "./grid";
import { compareTexts } from "./rows";

const LONGEST_NAME = 200;
const LONGEST_HINT = 2_000;

/** A function, and what its times are parts of. */
export interface FunctionRow {
  id: string;
  /** Of two graphs: as A has it, else as B has it. */
  node: GraphNode;
  allSelfNs: number;
  /** Its two sides, null where there is no such function; of one graph both are the node. */
  a: GraphNode | null;
  b: GraphNode | null;
}

export function rowsOf(graph: CallGraph): FunctionRow[] {
  const allSelfNs = graph.nodes.reduce((sum, node) => sum + node.self_ns, 0);
  const functions = graph.nodes.filter((node) => node.kind !== "thread");
  return functions.map((node) => ({ id: node.id, node, allSelfNs, a: node, b: node }));
}

export function comparedRowsOf(comparison: GraphComparison): FunctionRow[] {
  const functions = comparison.functions.filter(({ any }) => any.kind !== "thread");
  return functions.map(({ id, any, a, b }) => ({ id, node: any, allSelfNs: 0, a, b }));
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
    extra.push(openColumn);
  }
  columns.splice(columns.length - 2, 0, ...extra);
  return columns;
}

const nameColumn: GridColumn<FunctionRow> = {
  key: "name",
  title: "function",
  width: "auto",
  text: ({ node }) => shownName(nameInModule(node)),
  note: ({ node }) => (nameInModule(node) === node.name ? "" : shorten(visibleText(node.module), LONGEST_NAME)),
  hint: ({ node }) => shorten(visibleText(node.name), LONGEST_HINT),
  compare: (one, other) =>
    compareTexts(nameInModule(one.node), nameInModule(other.node)) || compareTexts(one.node.module, other.node.module),
};

const openColumn: GridColumn<FunctionRow> = {
  key: "open",
  title: "open",
  width: "9rem",
  isNumber: true,
  text: ({ node }) => openCallsCell(node.open_calls_by_ending),
  hint: ({ node }) => openCallsLines(node.open_calls_by_ending).join("\n"),
  compare: (one, other) => one.node.open_calls - other.node.open_calls,
};

/** What tells functions apart stands first; of a long name only the beginning may have room. */
function nameInModule({ name, module }: GraphNode): string {
  return module !== "" && name.startsWith(`${module}.`) ? name.slice(module.length + 1) : name;
}

function shownName(name: string): string {
  const shown = shorten(visibleText(name), LONGEST_NAME);
  return shown.trim() === "" ? "(no name)" : shown;
}

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

/** Returns the columns of a comparison: each figure of both sides, and what of own time B has more. */
export function comparedColumns(): GridColumn<FunctionRow>[] {
  const sides: [string, Figure, (value: number) => string][] = [
    ["calls", (node) => node.calls, number],
    ["inclusive", (node) => node.inclusive_ns, duration],
    ["self", (node) => node.self_ns, duration],
  ];
  return [
    nameColumn,
    {
      key: "side",
      title: "in",
      width: "5rem",
      text: sideOf,
      compare: (one, other) => compareTexts(sideOf(one), sideOf(other)),
    },
    ...sides.flatMap(([key, figure, write]) => [sideColumn(key, "a", figure, write), sideColumn(key, "b", figure, write)]),
    {
      key: "change",
      title: "self B − A",
      width: "7rem",
      isNumber: true,
      text: (row) => signed(changeOf(row)),
      compare: (one, other) => changeOf(one) - changeOf(other),
    },
  ];
}

function sideOf({ a, b }: FunctionRow): string {
  return a === null ? "only B" : b === null ? "only A" : "both";
}

function sideColumn(key: string, side: "a" | "b", figure: Figure, write: (value: number) => string): GridColumn<FunctionRow> {
  const of = (row: FunctionRow): number => {
    const node = row[side];
    return node === null ? -1 : figure(node);
  };
  return {
    key: `${key}-${side}`,
    title: `${key} ${side.toUpperCase()}`,
    width: key === "inclusive" ? "7rem" : "6rem",
    isNumber: true,
    text: (row) => (row[side] === null ? "-" : write(of(row))),
    compare: (one, other) => of(one) - of(other),
  };
}

function changeOf({ a, b }: FunctionRow): number {
  return (b?.self_ns ?? 0) - (a?.self_ns ?? 0);
}

function signed(durationNs: number): string {
  if (durationNs === 0) return "0 ns";
  return `${durationNs > 0 ? "+" : "−"}${duration(Math.abs(durationNs))}`;
}
