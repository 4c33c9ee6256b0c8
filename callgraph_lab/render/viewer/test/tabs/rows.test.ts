import { describe, expect, it } from "vitest";
import { compareTexts, rowAfterKey, sorted, windowOf } from "../../src/tabs/rows";
import { comparedColumns, comparedRowsOf, functionColumns, presenceOf, rowsOf } from "../../src/tabs/table_columns";
import { compareGraphs } from "../../src/model/compare";
import type { CallGraph } from "../../src/types";
import { nodeCalled } from "./trees";

describe("sorting", () => {
  const rows = [{ n: 2, t: "b" }, { n: 1, t: "B" }, { n: 2, t: "a" }];

  it("keeps the order of what is alike, both ways", () => {
    const compare = (one: (typeof rows)[0], other: (typeof rows)[0]) => (one?.n ?? 0) - (other?.n ?? 0);
    expect(sorted(rows, { compare, isDescending: false }).map((row) => row.t)).toEqual(["B", "b", "a"]);
    expect(sorted(rows, { compare, isDescending: true }).map((row) => row.t)).toEqual(["b", "a", "B"]);
  });
  it("puts texts in order whatever their case", () => {
    expect(["b", "A", "a", "B", ""].sort(compareTexts)).toEqual(["", "A", "a", "B", "b"]);
  });
});

describe("a window of rows", () => {
  it.each([
    [0, 260, 26, 5000, { first: 0, end: 22 }],
    [26_000, 260, 26, 5000, { first: 988, end: 1022 }],
    [129_740, 260, 26, 5000, { first: 4978, end: 5000 }],
    [0, 260, 26, 0, { first: 0, end: 0 }],
    [5_000, 260, 26, 3, { first: 3, end: 3 }],
  ])("scrolled %d", (scrolled, height, rowHeight, rows, expected) => {
    expect(windowOf(scrolled, height, rowHeight, rows)).toEqual(expected);
  });
});

describe("keys", () => {
  it.each([
    ["ArrowDown", 0, 1],
    ["ArrowDown", 9, 9],
    ["ArrowUp", 0, 0],
    ["PageDown", 2, 7],
    ["PageUp", 2, 0],
    ["Home", 5, 0],
    ["End", 5, 9],
    ["a", 5, null],
    ["constructor", 5, null],
  ])("%s from %d", (key, row, expected) => {
    expect(rowAfterKey(key, row, 10, 5)).toBe(expected);
  });
  it("lead nowhere where there are no rows", () => {
    expect(rowAfterKey("End", 0, 0, 5)).toBeNull();
  });
});

describe("the table of functions", () => {
  const nodes = [
    nodeCalled("m.fast", { calls: 1_234, inclusive_ns: 5_000_000, self_ns: 1_000_000 }),
    nodeCalled("m.slow", { calls: 2, inclusive_ns: 9_000_000_000, self_ns: 3_000_000, min_depth: 3 }),
    nodeCalled("MainThread", { kind: "thread", self_ns: 0 }),
    nodeCalled("_socket.recv", { kind: "c_function", file: "", line: 0 }),
  ];
  const graph = { nodes } as unknown as CallGraph;
  const columns = functionColumns(presenceOf(nodes));
  const [fast, , recv] = rowsOf(graph);

  it("leaves threads out, and columns that would be empty", () => {
    expect(rowsOf(graph).map((row) => row.id)).toEqual(["m.fast", "m.slow", "_socket.recv"]);
    expect(columns.map((column) => column.key)).toEqual(["name", "calls", "inclusive", "self", "share", "depth", "place"]);
  });
  it("has columns for what is there", () => {
    const memory = { allocated_bytes: 2_048, net_bytes: 0 };
    const more = [nodeCalled("m.gen", { resumes: 3, open_calls: 1, open_calls_by_ending: { killed: 1 }, memory })];
    const keys = functionColumns(presenceOf(more)).map((column) => column.key);
    expect(keys).toEqual(["name", "calls", "inclusive", "self", "share", "allocated", "net", "resumes", "open", "depth", "place"]);
  });
  it("writes figures as people read them", () => {
    expect(columns.map((column) => column.text(fast as never))).toEqual([
      "fast", "1,234", "5.00 ms", "1.00 ms", "25.0 %", "1", "src/m.py:1",
    ]);
    expect(columns[0]?.note?.(fast as never)).toBe("m");
    expect(columns.at(-1)?.text(recv as never)).toBe("written in C");
  });
});

describe("the table of a comparison", () => {
  const graphOf = (nodes: ReturnType<typeof nodeCalled>[]) => ({ nodes, edges: [] }) as unknown as CallGraph;
  const a = graphOf([nodeCalled("m.f", { calls: 2, self_ns: 3_000 }), nodeCalled("m.old", { self_ns: 500 })]);
  const b = graphOf([nodeCalled("m.f", { calls: 5, self_ns: 1_000 }), nodeCalled("m.new", { self_ns: 70 })]);
  const rows = comparedRowsOf(compareGraphs(a, b));
  const written = rows.map((row) => comparedColumns().map((column) => column.text(row)));

  it("has the figures of both sides, and the change", () => {
    expect(written).toEqual([
      ["f", "both", "2", "5", "0 ns", "0 ns", "3.00 µs", "1.00 µs", "−2.00 µs"],
      ["old", "only A", "1", "-", "0 ns", "-", "500 ns", "-", "−500 ns"],
      ["new", "only B", "-", "1", "-", "0 ns", "-", "70 ns", "+70 ns"],
    ]);
  });
  it("is sorted by the change with its sign", () => {
    const change = comparedColumns().at(-1);
    const order = sorted(rows, { compare: change?.compare ?? (() => 0), isDescending: true });
    expect(order.map((row) => row.id)).toEqual(["m.new", "m.old", "m.f"]);
  });
});
