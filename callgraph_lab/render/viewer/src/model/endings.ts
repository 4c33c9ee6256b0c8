// What became of calls that have not returned: graph/endings.py, and in words render/ending_text.py.
// Only a process that is there has some at work.
import { number } from "../format";
import type { Ending } from "../payload";

/** How many calls have not returned, by how the processes ended that they were made in. */
export type OpenCalls = Partial<Record<Ending, number>>;

const SAID: Record<Ending, string> = {
  running: "still running",
  exited: "exited inside",
  replaced: "replaced by exec",
  killed: "killed inside",
  stopped: "recording stopped inside",
};
const ENDINGS = Object.keys(SAID) as Ending[];

/** Returns what became of an open call, or of an action: `killed inside`. */
export function saidEnding(ending: Ending): string {
  return SAID[ending];
}

export function addOpenCalls(sum: OpenCalls, ending: Ending, calls: number): void {
  sum[ending] = (sum[ending] ?? 0) + calls;
}

/** Returns those of several functions together. */
export function sumOfOpenCalls(all: readonly OpenCalls[]): OpenCalls {
  const sum: OpenCalls = {};
  for (const calls of all) {
    there(calls).forEach(([ending, times]) => addOpenCalls(sum, ending, times));
  }
  return sum;
}

/** Returns of each ending as many as one of the two has. */
export function largerOpenCalls(one: OpenCalls, other: OpenCalls): OpenCalls {
  const larger: OpenCalls = {};
  for (const [ending] of [...there(one), ...there(other)]) {
    larger[ending] = Math.max(one[ending] ?? 0, other[ending] ?? 0);
  }
  return larger;
}

/** Returns what became of them, and how many each: `["killed inside", 2]`. */
export function saidOpenCalls(calls: OpenCalls): [said: string, times: number][] {
  return there(calls).map(([ending, times]) => [SAID[ending], times]);
}

/** Returns `still running: 1`, `killed inside: 2`; nothing where all have returned. */
export function openCallsLines(calls: OpenCalls): string[] {
  return saidOpenCalls(calls).map(([said, times]) => `${said}: ${number(times)}`);
}

/** Returns `1 running, 2 killed`, for a column that is about open calls. */
export function openCallsCell(calls: OpenCalls): string {
  const cells = there(calls).map(
    ([ending, times]) => `${number(times)} ${ending === "replaced" ? "exec'd" : ending}`,
  );
  return cells.join(", ");
}

/** Returns what double borders mean; empty where there are none. */
export function doubleBorderText(ofNodes: readonly OpenCalls[]): string {
  const [first, ...more] = saidOpenCalls(sumOfOpenCalls(ofNodes));
  if (first === undefined) {
    return "";
  }
  return `double border: ${more.length > 0 ? "calls that have not returned" : first[0]}`;
}

function there(calls: OpenCalls): [Ending, number][] {
  return ENDINGS.flatMap((ending): [Ending, number][] => {
    const times = calls[ending] ?? 0;
    return times > 0 ? [[ending, times]] : [];
  });
}
