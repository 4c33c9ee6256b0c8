// The rules that live twice, held to Python's own answers (tests/viewer_cases).
import { describe, expect, it } from "vitest";
import { applyBudget } from "../../src/model/budget";
import { compareGraphs, onlyDifferences } from "../../src/model/compare";
import { decide } from "../../src/model/decisions";
import { GlobList, searchNames } from "../../src/model/globs";
import { makeSelection } from "../../src/model/selection";
import type { GraphEdge, GraphNode } from "../../src/types";
import { type CaseQuery, payloadOf, stateOf, table } from "./cases";

interface Asked {
  program: string;
  query: CaseQuery;
}

type Fields = Record<string, unknown>;

/** Returns those fields of an object that are expected of it. */
function picked(from: object, expected: Fields): Fields {
  return Object.fromEntries(Object.keys(expected).map((key) => [key, (from as Fields)[key]]));
}

function titled({ program, query }: Asked, index: number): string {
  return `${index} ${program} ${JSON.stringify(query)}`;
}

function graphOf({ program, query }: Asked) {
  const payload = payloadOf(program);
  return makeSelection(payload).graph(stateOf(payload, query));
}

describe("globs", () => {
  const { cases } = table<{ cases: { program: string; globs: string[]; expected: (number | null)[] }[] }>(
    "globs",
  );
  it.each(cases.map((one) => [JSON.stringify(one.globs), one] as const))("%s", (_, one) => {
    const list = new GlobList(one.globs);
    const found = payloadOf(one.program).functions.map((of) => list.find(searchNames(of)));
    expect(found).toEqual(one.expected);
  });
});

describe("filters", () => {
  interface Case extends Asked {
    expected: {
      names: string[];
      decisions: { visible: boolean; rule: string; with_caller: boolean }[];
    };
  }
  const { cases } = table<{ cases: Case[] }>("filters");
  it.each(cases.map((one, index) => [titled(one, index), one] as const))("%s", (_, one) => {
    const { names, decisions } = decide(payloadOf(one.program), one.query);
    expect(names).toEqual(one.expected.names);
    expect(
      decisions.map(({ visible, rule, withCaller }) => ({ visible, rule, with_caller: withCaller })),
    ).toEqual(
      one.expected.decisions.map(({ visible, rule, with_caller }) => ({ visible, rule, with_caller })),
    );
  });
});

describe("graphs", () => {
  interface Case extends Asked {
    expected: { deepest: number; nodes: Fields[]; edges: Fields[]; hidden: Fields };
  }
  const { cases } = table<{ cases: Case[] }>("graphs");
  it.each(cases.map((one, index) => [titled(one, index), one] as const))("%s", (_, one) => {
    const graph = graphOf(one);
    const { expected } = one;
    expect(graph.deepest).toBe(expected.deepest);
    expect(graph.nodes.map((node, at) => picked(node, expected.nodes[at] ?? {}))).toEqual(expected.nodes);
    expect(graph.edges).toEqual(expected.edges);
    expect(graph.hidden).toEqual(expected.hidden);
  });
});

describe("budgets", () => {
  interface Folded {
    members: string[];
    inner_calls: number;
    inner_resumes: number;
    inclusive_ns: number;
    id: string;
  }
  interface Case extends Asked {
    max_nodes: number;
    expected: { nodes: string[]; folds: Folded[]; edges: GraphEdge[] };
  }
  const { cases } = table<{ cases: Case[] }>("budgets");
  it.each(cases.map((one, index) => [`${titled(one, index)} ${one.max_nodes}`, one] as const))(
    "%s",
    (_, one) => {
      const drawing = applyBudget(graphOf(one), { maxNodes: one.max_nodes });
      const { expected } = one;
      expect(drawing.nodes.map((node) => node.id)).toEqual(expected.nodes);
      const told = drawing.folds.map((fold) => ({
        members: fold.members.map((node) => node.id),
        inner_calls: fold.inner_calls,
        inner_resumes: fold.inner_resumes,
        inclusive_ns: fold.inclusive_ns,
      }));
      expect(told).toEqual(expected.folds.map((fold) => picked(fold, told[0] ?? {})));
      // A fold goes by its caller here, by its number there.
      const numbered = new Map(drawing.folds.map((fold, at) => [fold.id, expected.folds[at]?.id]));
      const named = (id: string): string => numbered.get(id) ?? id;
      expect(
        drawing.edges.map((edge) => ({
          ...edge,
          source: named(edge.source),
          target: named(edge.target),
        })),
      ).toEqual(expected.edges);
    },
  );
});

describe("comparisons", () => {
  interface Compared {
    id: string;
    name: string;
    side: string;
    changed: boolean;
    a: string | null;
    b: string | null;
    calls: [number, number];
    inclusive: [number, number];
    self: [number, number];
  }
  interface ComparedLine {
    source: string;
    target: string;
    side: string;
    changed: boolean;
    bridged: boolean;
    calls: [number, number];
  }
  interface Case {
    programs: [string, string];
    query: CaseQuery;
    expected: {
      functions: Compared[];
      edges: ComparedLine[];
      differences: string[];
      identical: boolean;
    };
  }
  const entered = (one: GraphNode | GraphEdge | null): number =>
    one === null ? 0 : one.calls + one.resumes;
  const { cases } = table<{ cases: Case[] }>("comparisons");
  it.each(cases.map((one, index) => [`${index} ${one.programs.join(" ")}`, one] as const))(
    "%s",
    (_, { programs: [programA, programB], query, expected }) => {
      const comparison = compareGraphs(
        graphOf({ program: programA, query }),
        graphOf({ program: programB, query }),
      );
      expect(
        comparison.functions.map(
          ({ id, any, side, isChanged, a, b }): Compared => ({
            id,
            name: any.name,
            side,
            changed: isChanged,
            a: a?.id ?? null,
            b: b?.id ?? null,
            calls: [entered(a), entered(b)],
            inclusive: [a?.inclusive_ns ?? 0, b?.inclusive_ns ?? 0],
            self: [a?.self_ns ?? 0, b?.self_ns ?? 0],
          }),
        ),
      ).toEqual(expected.functions);
      expect(
        comparison.edges.map(
          ({ source, target, side, isChanged, a, b }): ComparedLine => ({
            source,
            target,
            side,
            changed: isChanged,
            bridged: (a ?? b)?.bridged ?? false,
            calls: [entered(a), entered(b)],
          }),
        ),
      ).toEqual(expected.edges);
      expect(onlyDifferences(comparison).functions.map(({ id }) => id)).toEqual(expected.differences);
      const isIdentical = ![...comparison.functions, ...comparison.edges].some((one) => one.isChanged);
      expect(isIdentical).toBe(expected.identical);
    },
  );
});
