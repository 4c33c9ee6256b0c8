// Which functions are one node of a graph, and what it is called: graph/names.py, its own naming.
import type { FunctionInfo, ThreadInfo } from "../payload";

const NUMBER = /\p{Nd}+/gu;
/** A client's address in a name without numbers, as Python's repr() writes it: of IPv4 or IPv6. */
const ADDRESS =
  /\('(?:N\.N\.N\.N|[a-fN]*:[a-fN:.]*(?:%[A-Za-z_.-]+)?)', N(?:, N, N)?\)/g;

/** Which node each function belongs to, and for each node a function, its name and its id. */
export interface NodeNames {
  nodeOfFunction: Int32Array;
  functions: FunctionInfo[];
  names: string[];
  ids: string[];
}

/** Returns a name without its numbers and addresses: those of threads of one kind are alike. */
export function withoutNumbers(name: string): string {
  return name.replace(NUMBER, "N").replace(ADDRESS, "(address, port)");
}

export function nodeNames(
  functions: readonly FunctionInfo[],
  threads: readonly ThreadInfo[],
): NodeNames {
  const labels = threadLabels(functions, threads);
  const result: NodeNames = {
    nodeOfFunction: new Int32Array(functions.length),
    functions: [],
    names: [],
    ids: [],
  };
  const numbers = new Map<string, number>();
  functions.forEach((of, index) => {
    const isThread = of.kind === "thread";
    const name = isThread ? (labels.get(of.qualname) ?? of.qualname) : of.name;
    const key = JSON.stringify(isThread ? ["thread", name] : [name, of.file, of.line]);
    let number = numbers.get(key);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(key, number);
      result.functions.push(of);
      result.names.push(name);
    }
    result.nodeOfFunction[index] = number;
  });
  result.ids = distinctIds(result);
  return result;
}

function distinctIds({ names, functions }: NodeNames): string[] {
  const taken = new Set<string>();
  const used = new Map<string, number>();
  return names.map((name, index) => {
    const stem = functions[index]?.kind === "thread" ? `thread ${name}` : name;
    let number = (used.get(stem) ?? 0) + 1;
    let id = number === 1 ? stem : `${stem}#${number}`;
    while (taken.has(id)) {
      number += 1;
      id = `${stem}#${number}`;
    }
    used.set(stem, number);
    taken.add(id);
    return id;
  });
}

/** Returns what to call each thread: one name for threads that differ only by a number. */
function threadLabels(
  functions: readonly FunctionInfo[],
  threads: readonly ThreadInfo[],
): Map<string, string> {
  const patterns = new Map<string, Set<string>>();
  const shared = new Set<string>();
  for (const thread of threads) {
    const pattern = withoutNumbers(thread.name);
    const names = patterns.get(pattern) ?? new Set();
    patterns.set(pattern, names.add(thread.name));
    if (thread.threads > 1) {
      shared.add(pattern);
    }
  }
  const labels = new Map<string, string>();
  for (const { kind, qualname } of functions) {
    if (kind === "thread") {
      const pattern = withoutNumbers(qualname);
      const isOne = (patterns.get(pattern)?.size ?? 0) <= 1 && !shared.has(pattern);
      labels.set(qualname, isOne ? qualname : pattern);
    }
  }
  return labels;
}
