// From a state to a picture: the graph, its neighbourhood in focus mode, its folds, its scene.
import { shorten, visibleText } from "../format";
import { type Drawing, applyBudget } from "../model/budget";
import {
  type ComparedFunction,
  type GraphComparison,
  onlyDifferences,
  together,
} from "../model/compare";
import { neighbourhood } from "../model/neighbourhood";
import type { Selection } from "../model/selection";
import type { ViewState } from "../state";
import type { CallGraph } from "../types";
import { directionOf } from "./arrangement";
import { diffScene } from "./diff_scene";
import type { Look } from "./look";
import { recordingScene, wholeOf } from "./recording_scene";
import type { Direction, Measure as MeasureText, Scene } from "./scene";

const LONGEST_SIDE_COLUMNS = 22;
const DEPTHS_MOSTLY_SEEN = [3, 4, 5, 6, 8];

/** What of a state decides on the picture; the rest marks boxes in it. */
export const DRAWN_BY: readonly (keyof ViewState)[] = [
  "slice",
  "compare",
  "process",
  "thread",
  "depth",
  "depthBy",
  "filters",
  "include",
  "exclude",
  "stdlib",
  "focus",
  "up",
  "down",
  "maxNodes",
  "expanded",
  "collapsed",
  "measure",
];

export interface Plan {
  /** What of the recording shows, before folds. */
  graph: CallGraph;
  drawing: Drawing;
  scene: Scene;
  comparison: GraphComparison | null;
  /** What the sides of a comparison are called. */
  sides: [string, string];
  /** The function in focus is not in the graph at this depth, or not at all. */
  isFocusMissing: boolean;
}

/** Returns the graph that a state asks for: one, or two compared laid over each other. */
export function graphOf(
  selection: Selection,
  state: ViewState,
): { graph: CallGraph; comparison: GraphComparison | null } {
  const comparison = selection.comparison(state);
  if (comparison === null) {
    return { graph: selection.graph(state), comparison };
  }
  return { graph: together(onlyDifferences(comparison)), comparison };
}

export function planOf(
  selection: Selection,
  state: ViewState,
  look: Look,
  measureText: MeasureText,
): Plan {
  const { graph, comparison } = graphOf(selection, state);
  const isFocusMissing =
    state.focus !== null && !graph.nodes.some((node) => node.id === state.focus);
  const shown =
    state.focus === null || isFocusMissing
      ? graph
      : neighbourhood(graph, state.focus, state.up, state.down);
  const changed = new Map<string, ComparedFunction>(
    comparison?.functions.map((item) => [item.id, item]),
  );
  const drawing = applyBudget(shown, {
    maxNodes: state.maxNodes,
    ...(comparison === null ? {} : { isLesser: ({ id }) => !changed.get(id)?.isChanged }),
    expanded: state.expanded,
    collapsed: new Set(state.collapsed),
  });
  const direction = directionFor(selection, state);
  const [sideA, sideB] = sidesOf(selection, state);
  const common = { drawing, direction, look, measureText, measure: state.measure };
  const scene =
    comparison === null
      ? recordingScene({
          ...common,
          whole: wholeOf(selection.fullGraph(state).nodes, state.measure),
        })
      : diffScene({ ...common, comparison, sideA, sideB });
  return { graph: shown, drawing, scene, comparison, sides: [sideA, sideB], isFocusMissing };
}

/** Returns short names for the two that are compared, or for the one and nothing. */
export function sidesOf(selection: Selection, state: ViewState): [string, string] {
  const titles = [selection.slice(state), selection.compareSlice(state)].map((slice) =>
    shorten(visibleText(slice?.title ?? ""), LONGEST_SIDE_COLUMNS),
  );
  const [a = "A", b = "B"] = titles;
  return a === b ? ["A", "B"] : [a, b];
}

/**
 * Returns the direction of a picture. It suits the depths that people look at most, and is the same
 * at each and in focus: a picture that turned on its side between two could not be followed.
 */
function directionFor(selection: Selection, state: ViewState): Direction {
  const { deepest } = selection.ground(state);
  const seen = DEPTHS_MOSTLY_SEEN.filter((depth) => depth <= deepest);
  const depths = seen.length > 0 ? seen : [null];
  const graphs = depths.map((depth) => graphOf(selection, { ...state, depth }).graph);
  return directionOf(graphs, state.maxNodes);
}
