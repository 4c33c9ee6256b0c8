import { describe, expect, it } from "vitest";
import { makeCallerFrames } from "../../src/tabs/callers";
import { type Frames, makeIcicle, totalOf } from "../../src/tabs/icicle";
import { heaviestFrames } from "../../src/tabs/icicle_text";
import { barAt, spanOf, stepFrom, visibleBars } from "../../src/tabs/icicle_view";
import { type Context, largeTree, treeOf } from "./trees";

const CONTEXTS: Context[] = [
  { parent: -1, name: "MainThread", selfNs: 10 },
  { parent: 0, name: "main", selfNs: 20, calls: 1 },
  { parent: 1, name: "hidden", selfNs: 30, calls: 5, isHidden: true },
  { parent: 2, name: "work", selfNs: 100, calls: 5 },
  { parent: 1, name: "work", selfNs: 40, calls: 2 },
  { parent: 4, name: "work", selfNs: 50, calls: 2 },
  { parent: 1, name: "small", selfNs: 5, calls: 90 },
  { parent: 1, name: "deep", selfNs: 0, calls: 1, isHidden: true },
  { parent: 7, name: "deeper", selfNs: 7, calls: 1, isHidden: true },
];

const nameOf = (frames: Frames, frame: number) => (frame === 0 ? "" : (frames.ids[frames.node[frame] as number] as string));
const all = (frames: Frames) => Array.from({ length: frames.length }, (_, frame) => frame);

describe("the frames of an icicle", () => {
  const { frames, frameOf } = makeIcicle(treeOf(CONTEXTS).tree, "inclusive");

  it("bridges hidden contexts, whose time is their caller's own", () => {
    const rows = all(frames).map((frame) => [frames.row[frame], nameOf(frames, frame), frames.value[frame], frames.own[frame]]);
    expect(rows).toEqual([
      [0, "", 262, 0],
      [1, "MainThread", 262, 10],
      [2, "main", 252, 20 + 30 + 7],
      [3, "work", 190, 140],
      [3, "small", 5, 5],
      [4, "work", 50, 50],
    ]);
  });
  it("knows what of that was hidden", () => {
    expect([...frames.hidden]).toEqual([0, 0, 37, 0, 0, 0]);
  });
  it("joins contexts of one function under one frame", () => {
    expect(frames.contexts[3]).toBe(2);
    expect(frames.calls[3]).toBe(7);
    expect([frameOf[3], frameOf[4], frameOf[2], frameOf[8]]).toEqual([3, 3, 2, 2]);
  });
  it("counts recursion once in a total", () => {
    expect(totalOf(frames, "work")).toEqual({ frames: 2, value: 190 });
    expect(totalOf(frames, "nowhere")).toEqual({ frames: 0, value: 0 });
  });
  it("leaves hidden calls out", () => {
    const byCalls = makeIcicle(treeOf(CONTEXTS).tree, "calls").frames;
    expect(byCalls.value[0]).toBe(1 + 1 + 5 + 2 + 2 + 90);
    expect(nameOf(byCalls, 3)).toBe("small");
  });
  it("goes by bytes where there are some", () => {
    const tree = treeOf([{ parent: -1, name: "t", bytes: 3 }, { parent: 0, name: "f", bytes: 4 }]).tree;
    expect(makeIcicle(tree, "bytes").frames.value[0]).toBe(7);
  });
  it("is everything and no more for an empty selection", () => {
    const empty = makeIcicle(treeOf([]).tree, "inclusive").frames;
    expect([empty.length, empty.rows, empty.value[0]]).toEqual([1, 1, 0]);
    expect(visibleBars(empty, spanOf(empty, 0), 100)).toEqual([]);
  });
  it("lists the heaviest in the tree's order", () => {
    expect(heaviestFrames(frames, 0).map((frame) => nameOf(frames, frame))).toEqual([
      "", "MainThread", "main", "work", "work", "small",
    ]);
    expect(heaviestFrames(frames, 0, 4).map((frame) => nameOf(frames, frame))).toEqual(["", "MainThread", "main", "work"]);
  });
});

describe("the icicle of callers", () => {
  const { frames } = makeIcicle(treeOf(CONTEXTS).tree, "self");
  const callers = makeCallerFrames(frames);

  it("begins with the functions by their own time", () => {
    const first = all(callers).filter((frame) => callers.row[frame] === 1);
    expect(first.map((frame) => [nameOf(callers, frame), callers.value[frame]])).toEqual([
      ["work", 190], ["main", 57], ["MainThread", 10], ["small", 5],
    ]);
    expect(callers.value[0]).toBe(262);
  });
  it("has beneath each who called it", () => {
    const below = all(callers).filter((frame) => callers.parent[frame] === 1);
    expect(below.map((frame) => [nameOf(callers, frame), callers.value[frame]])).toEqual([["main", 140], ["work", 50]]);
  });
  it("ends where there are too many, and keeps its sums", () => {
    const few = makeCallerFrames(frames, 4);
    expect(few.length).toBe(5);
    expect(few.value[0]).toBe(262);
    expect(few.own[1]).toBe(190);
  });
});

describe("what is drawn", () => {
  const { frames } = makeIcicle(treeOf(CONTEXTS).tree, "inclusive");

  it("is as wide as its part", () => {
    const bars = visibleBars(frames, spanOf(frames, 0), 262);
    expect(bars.map(({ frame, row, left, width }) => [frame, row, left, width])).toEqual([
      [0, 0, 0, 262], [1, 1, 0, 262], [2, 2, 0, 252], [3, 3, 0, 190], [4, 3, 190, 5], [5, 4, 0, 50],
    ]);
  });
  it("fills the window with the frame that is zoomed to, and with those above it", () => {
    const bars = visibleBars(frames, spanOf(frames, 4), 100);
    expect(bars.map(({ frame, left, width }) => [frame, left, width])).toEqual([
      [0, 0, 100], [1, 0, 100], [2, 0, 100], [4, 0, 100],
    ]);
  });
  it("joins what is narrower than a pixel, or leaves it out", () => {
    const contexts: Context[] = [{ parent: -1, name: "t", selfNs: 0 }, { parent: 0, name: "big", selfNs: 900 }];
    for (let index = 0; index < 50; index++) contexts.push({ parent: 0, name: `s${index}`, selfNs: 2 });
    const many = makeIcicle(treeOf(contexts).tree, "inclusive").frames;
    const bars = visibleBars(many, spanOf(many, 0), 100).filter((bar) => bar.row === 2);
    bars.sort((one, other) => one.left - other.left);
    expect(bars.map(({ frames: joined, width }) => [joined, Math.round(width)])).toEqual([[1, 90], [50, 10]]);
  });
  it("is only the rows that are seen", () => {
    expect(visibleBars(frames, spanOf(frames, 0), 262, 3, 4).map((bar) => bar.frame)).toEqual([3, 4]);
  });
  it("is found under a point", () => {
    const bars = visibleBars(frames, spanOf(frames, 0), 262);
    expect([barAt(bars, 3, 100)?.frame, barAt(bars, 3, 192)?.frame, barAt(bars, 4, 60)]).toEqual([3, 4, undefined]);
  });
  it("is walked with the arrows", () => {
    const span = spanOf(frames, 0);
    const step = (from: number, key: Parameters<typeof stepFrom>[2]) => stepFrom(frames, from, key, span, 262);
    expect([step(2, "ArrowDown"), step(3, "ArrowRight"), step(4, "ArrowRight"), step(4, "ArrowLeft")]).toEqual([3, 4, 4, 3]);
    expect([step(3, "ArrowUp"), step(0, "ArrowUp"), step(4, "ArrowDown"), step(4, "Home"), step(3, "End")]).toEqual([2, 0, 4, 0, 4]);
  });
});

describe("100,000 contexts", () => {
  const tree = largeTree(100_000);

  it("are never more bars than pixels, wherever one zooms to", () => {
    const { frames } = makeIcicle(tree, "inclusive");
    const width = 1_200;
    for (const frame of [0, 1, Math.floor(frames.length / 2), frames.length - 1]) {
      const bars = visibleBars(frames, spanOf(frames, frame), width);
      const perRow = new Map<number, number>();
      for (const bar of bars) {
        perRow.set(bar.row, (perRow.get(bar.row) ?? 0) + 1);
        expect(bar.width).toBeGreaterThan(0);
        expect(bar.left + bar.width).toBeLessThanOrEqual(width + 1e-6);
      }
      for (const inRow of perRow.values()) expect(inRow).toBeLessThanOrEqual(width + 2);
    }
  });
  it("keep their sums", () => {
    const { frames } = makeIcicle(tree, "calls");
    expect(frames.length).toBeGreaterThan(50_000);
    const calls = tree.column("calls") as Float64Array;
    expect(frames.value[0]).toBe(calls.reduce((sum, value) => sum + value, 0));
    expect(makeCallerFrames(frames).value[0]).toBe(frames.value[0]);
  });
});
