// What is told of one function: its neighbourhood, the ways to it, how the search finds it.
import { describe, expect, it } from "vitest";
import { initialState } from "../../src/initial_state";
import { catalogOf, find } from "../../src/model/catalog";
import { neighbourhood } from "../../src/model/neighbourhood";
import { pathsTo } from "../../src/model/paths";
import { makeSelection } from "../../src/model/selection";
import type { ViewState } from "../../src/state";
import { payloadOf } from "./cases";

function made(program: string, change: Partial<ViewState> = {}) {
  const payload = payloadOf(program);
  const state = { ...initialState(payload), depth: null, filters: ["none"], ...change };
  const selection = makeSelection(payload);
  return { graph: selection.fullGraph(state), ground: selection.ground(state) };
}

describe("the neighbourhood of a function", () => {
  const { graph } = made("chain");
  const idsAround = (id: string, up: number, down: number) =>
    neighbourhood(graph, id, up, down).nodes.map((node) => node.id);

  it.each([
    ["c.h", 0, 0, ["c.h"]],
    ["c.h", 1, 1, ["b.g", "c.h", "d.i"]],
    ["c.h", 2, 0, ["a.f", "b.g", "c.h"]],
    ["c.h", 0, 12, ["c.h", "d.i", "e.j"]],
    ["gone", 2, 2, []],
  ])("of %s, %d up and %d down", (id, up, down, expected) => {
    expect(idsAround(id, up, down)).toEqual(expected);
  });
  it("has the edges between what is kept, and no others", () => {
    const edges = neighbourhood(graph, "c.h", 1, 1).edges.map(({ source, target }) => `${source} ${target}`);
    expect(edges).toEqual(["b.g c.h", "c.h d.i"]);
  });
  it("ends where functions call each other in a circle", () => {
    const circle = made("recursion").graph;
    const all = circle.nodes.map((node) => node.id);
    const some = neighbourhood(circle, all.at(-1) as string, 99, 99).nodes.map((node) => node.id);
    expect(all).toEqual(expect.arrayContaining(some));
  });
});

describe("the ways to a function", () => {
  it("are told with their calls, those that most calls took first", () => {
    const { paths, all } = pathsTo(made("bridges").ground, "m.leaf", 9);
    expect(all).toBe(4);
    expect(paths.map(({ entered, skippedFrames }) => [entered, skippedFrames])).toEqual([[3, 0], [3, 0], [1, 0], [1, 0]]);
    expect(paths.map(({ ids }) => ids.at(-1))).toEqual(["m.leaf", "m.leaf", "m.leaf", "m.leaf"]);
  });
  it("are one where they differ in hidden frames only", () => {
    const { paths, all } = pathsTo(made("bridges", { exclude: ["logging.*"] }).ground, "m.leaf", 9);
    expect(all).toBe(2);
    expect(paths.map(({ ids, entered }) => [ids, entered])).toEqual([
      [["thread MainThread", "m.top", "m.leaf"], 5],
      [["thread MainThread", "m.leaf"], 3],
    ]);
    expect(paths[1]?.skippedFrames).toBe(3);
  });
  it("lead to hidden functions as well", () => {
    const { paths } = pathsTo(made("bridges", { exclude: ["logging.*"] }).ground, "logging.d", 9);
    expect(paths.map(({ ids }) => ids)).toEqual([["thread MainThread", "m.top", "m.leaf", "logging.d"]]);
  });
  it("are as many as asked for", () => {
    const { paths, all } = pathsTo(made("bridges").ground, "m.leaf", 1);
    expect([paths.length, all]).toEqual([1, 4]);
  });
  it("are none to what is not there", () => {
    expect(pathsTo(made("bridges").ground, "gone", 5)).toEqual({ paths: [], all: 0 });
  });
});

describe("the search", () => {
  const { graph, ground } = made("bridges", { exclude: ["logging.*"] });
  const catalog = catalogOf(ground, graph);
  const names = (text: string, most = 9) => find(catalog.values(), text, most).map((entry) => entry.name);

  it("knows what is hidden, and by which rule", () => {
    expect(catalog.get("logging.d")).toMatchObject({ isHidden: true, calls: 9, node: null });
    expect(catalog.get("logging.d")?.rule).toContain("logging.*");
    expect(catalog.get("m.top")).toMatchObject({ isHidden: false, calls: 1 });
    expect(catalog.get("m.top")?.node?.min_depth).toBe(1);
  });
  it("finds parts of names, the own name first", () => {
    expect(names("d")[0]).toBe("logging.d");
    expect(names("leaf")).toEqual(["m.leaf"]);
    expect(names("logging end")).toEqual(["logging.end"]);
    expect(names("m*leaf")).toEqual(["m.leaf"]);
  });
  it("takes case only where there is a capital letter", () => {
    expect(names("mainthread")).toEqual(["MainThread"]);
    expect(names("MainThread")).toEqual(["MainThread"]);
    expect(names("LEAF")).toEqual([]);
  });
  it("is bounded, and finds nothing in nothing", () => {
    expect(names("a", 2)).toHaveLength(2);
    expect(names("zzz")).toEqual([]);
  });
});
