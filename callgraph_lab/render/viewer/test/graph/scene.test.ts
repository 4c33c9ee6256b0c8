// From a graph to a picture: what boxes and lines say, what Graphviz is given, where things stand.
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { beforeAll, describe, expect, it } from "vitest";
import { dotText } from "../../src/graph/dot";
import { isSound, layOut } from "../../src/graph/lay_out";
import { type Layout, readLayout } from "../../src/graph/layout";
import { lookOf } from "../../src/graph/look";
import { nearest } from "../../src/graph/moves";
import { type Plan, planOf } from "../../src/graph/plan";
import { type Box, roughMeasure } from "../../src/graph/scene";
import { makeSelection } from "../../src/model/selection";
import type { ViewState } from "../../src/state";
import { type CaseQuery, payloadOf, stateOf, table } from "../model/cases";

const EVERYTHING: CaseQuery = {
  filters: ["none"],
  include: [],
  exclude: [],
  stdlib: null,
  max_depth: null,
  depth_by: "visible",
  process: null,
};
const programs = Object.keys(table<{ programs: object }>("programs").programs);

function planned(name: string, change: Partial<ViewState> = {}): Plan {
  const payload = payloadOf(name);
  const state = { ...stateOf(payload, EVERYTHING), ...change };
  return planOf(makeSelection(payload), state, lookOf(false), roughMeasure);
}

let graphviz: Graphviz;
beforeAll(async () => {
  graphviz = await Graphviz.load();
});

function laidOut(plan: Plan): Layout {
  return readLayout(graphviz.layout(dotText(plan.scene), "json0" as "json", "dot"), plan.scene);
}

describe.each(programs)("%s", (name) => {
  it("gives Graphviz no text of the target's", () => {
    const words = dotText(planned(name).scene).match(/[A-Za-z_]\w*/g) ?? [];
    const own =
      /^(digraph|subgraph|graph|node|edge|cluster_\d+|n\d+|e\d+|id|rankdir|LR|TB|nodesep|ranksep|pad|margin|shape|box|oval|fixedsize|true|label|labeljust|l|arrowsize|penwidth|width|height|table|tr|td|border|cellborder|cellspacing|cellpadding)$/;
    expect(words.filter((word) => !own.test(word))).toEqual([]);
  });

  it("has a place for every box, line and group", () => {
    const plan = planned(name);
    const layout = laidOut(plan);
    expect([...layout.boxes.keys()].sort()).toEqual(plan.scene.boxes.map(({ id }) => id).sort());
    expect([...layout.groups.keys()].sort()).toEqual(plan.scene.groups.map(({ id }) => id).sort());
    expect([...layout.lines.keys()].sort()).toEqual(plan.scene.lines.map(({ id }) => id).sort());
    for (const box of plan.scene.boxes) {
      expect(layout.boxes.get(box.id)?.width).toBeCloseTo(box.width, 0);
    }
    for (const { points } of layout.lines.values()) {
      expect(points.length % 3).toBe(1);
    }
  });
});

describe("a picture that Graphviz gets wrong", () => {
  it("is asked for again, with less", async () => {
    const { scene } = planned("server");
    const right = graphviz.layout(dotText(scene), "json0" as "json", "dot");
    const wrong = JSON.stringify({ ...JSON.parse(right), edges: [] });
    const asked: string[] = [];
    const client = {
      layout: (dot: string) => {
        asked.push(dot);
        return Promise.resolve(asked.length === 1 ? wrong : right);
      },
    };
    const layout = await layOut(client, scene);
    expect(asked).toHaveLength(2);
    expect(layout && isSound(layout, scene)).toBe(true);
    expect(isSound(readLayout(wrong, scene), scene)).toBe(false);
  });

  it("is one where boxes lie over each other", () => {
    const { scene } = planned("server");
    const layout = readLayout(graphviz.layout(dotText(scene), "json0" as "json", "dot"), scene);
    const [first, second] = [...layout.boxes.keys()];
    layout.boxes.set(second as string, { ...layout.boxes.get(first as string)! });
    expect(isSound(layout, scene)).toBe(false);
  });

  it("is dropped where a newer one is wanted", async () => {
    const client = { layout: () => Promise.resolve(null) };
    expect(await layOut(client, planned("server").scene)).toBeNull();
  });
});

describe("calls that have not returned", () => {
  const ofWait = (change: Partial<ViewState>): Box =>
    planned("processes", change).scene.boxes.find(({ id }) => id === "m.wait") as Box;
  const bold = ({ lines }: Box): string[] => lines.slice(1).flatMap((line) => (line.isBold ? [line.text] : []));

  it("say how their processes ended", () => {
    const box = ofWait({});
    const said = ["still running: 1", "exited inside: 1", "replaced by exec: 1", "killed inside: 1", "recording stopped inside: 1"];
    expect(bold(box)).toEqual(said);
    expect(box.tooltip.split("\n")).toEqual(expect.arrayContaining(said));
    expect(box.isDouble).toBe(true);
  });

  it("of one process that is dead are not running", () => {
    const box = ofWait({ process: 20 });
    expect(bold(box)).toEqual(["killed inside: 1"]);
    expect(`${box.tooltip} ${box.spoken}`).not.toContain("running");
  });

  it("are told apart on a fold", () => {
    const plan = planned("processes", { maxNodes: 1 });
    const fold = plan.scene.boxes.find(({ kind }) => kind === "fold");
    expect(fold === undefined ? [] : bold(fold)).toContain("killed inside: 4");
  });
});

describe("focus", () => {
  it("shows a function with its callers and callees", () => {
    const whole = planned("server");
    const edge = whole.graph.edges.find(({ source, target }) => source !== target);
    const focus = edge?.target ?? "";
    const plan = planned("server", { focus, up: 1, down: 0 });
    const shown = new Set(plan.scene.boxes.map(({ id }) => id));
    const callers = whole.graph.edges.filter(({ target }) => target === focus);
    expect(shown).toEqual(new Set([focus, ...callers.map(({ source }) => source)]));
    expect(plan.isFocusMissing).toBe(false);
  });

  it("says where its function does not show", () => {
    const plan = planned("server", { focus: "no.such.function" });
    expect(plan.isFocusMissing).toBe(true);
    expect(plan.scene.boxes.length).toBe(planned("server").scene.boxes.length);
  });
});

describe("folds", () => {
  it("open by a step, and close what a function calls", () => {
    const folded = planned("server", { maxNodes: 5 });
    const fold = folded.drawing.folds.find(({ caller }) => caller !== null);
    const caller = fold?.caller ?? "";
    const opened = planned("server", { maxNodes: 5, expanded: [caller] });
    expect(opened.drawing.nodes.length).toBeGreaterThan(folded.drawing.nodes.length);

    const root = folded.graph.nodes.find(({ kind }) => kind === "thread")?.id ?? "";
    const collapsed = planned("server", { collapsed: [root] });
    const hanging = collapsed.drawing.folds.filter((one) => one.caller === root);
    expect(hanging.length + collapsed.drawing.nodes.length).toBeLessThan(
      planned("server").drawing.nodes.length,
    );
    const entered = (plan: Plan): number => {
      const { nodes, folds } = plan.drawing;
      const all = [...nodes, ...folds.flatMap(({ members }) => members)];
      return all.reduce((sum, node) => sum + node.calls, 0);
    };
    expect(entered(collapsed)).toBe(entered(folded));
    expect(entered(opened)).toBe(entered(folded));
  });
});

describe("arrow keys", () => {
  const place = (x: number, y: number) => ({ x, y, width: 10, height: 10 });
  const places = new Map([
    ["middle", place(0, 0)],
    ["right", place(100, 5)],
    ["far", place(300, 0)],
    ["below", place(10, 80)],
  ]);
  it("lead to the nearest box in a direction", () => {
    expect(nearest(places, "middle", "ArrowRight")).toBe("right");
    expect(nearest(places, "right", "ArrowRight")).toBe("far");
    expect(nearest(places, "middle", "ArrowDown")).toBe("below");
    expect(nearest(places, "middle", "ArrowLeft")).toBeNull();
    expect(nearest(places, "gone", "ArrowLeft")).toBeNull();
  });
});
