// A function written in C shows below the callers that show: graph/c_functions.py.
import type { FunctionInfo } from "../payload";
import type { Decision } from "./decisions";
import { NO_PARENT, type BareTree, withFunctions } from "./tree";

const BELOW_HIDDEN: Decision = {
  visible: false,
  rule: "hidden callers of C functions",
  withCaller: false,
};

/** A tree, its functions and what was decided of each. Functions may be more than the payload's. */
export interface DecidedTree {
  tree: BareTree;
  functions: readonly FunctionInfo[];
  decisions: readonly Decision[];
}

/**
 * Returns a tree in which each function shows everywhere or nowhere: one whose decision is
 * `withCaller` is two then, one that shows and one for the contexts below hidden callers.
 */
export function hideWithCallers(decided: DecidedTree): DecidedTree {
  const { tree } = decided;
  if (!decided.decisions.some(({ visible, withCaller }) => visible && withCaller)) {
    return decided;
  }
  const functions = [...decided.functions];
  const decisions = [...decided.decisions];
  const follows = decisions.map(({ visible, withCaller }) => visible && withCaller);
  const shows = decisions.map(({ visible }) => visible);
  tree.parent.forEach((caller, context) => {
    if (caller === NO_PARENT) {
      shows[tree.function[context] as number] = true;
    }
  });
  const isShown = new Uint8Array(tree.contexts);
  const column = Int32Array.from(tree.function);
  const twins = new Map<number, number>();
  for (let context = 0; context < tree.contexts; context += 1) {
    const number = tree.function[context] as number;
    const caller = tree.parent[context] as number;
    if (shows[number] && (!follows[number] || (caller !== NO_PARENT && isShown[caller]))) {
      isShown[context] = 1;
    } else if (follows[number]) {
      let twin = twins.get(number);
      if (twin === undefined) {
        twin = functions.length;
        twins.set(number, twin);
        functions.push(functions[number] as FunctionInfo);
        decisions.push(BELOW_HIDDEN);
      }
      column[context] = twin;
    }
  }
  return { tree: withFunctions(tree, column), functions, decisions };
}
