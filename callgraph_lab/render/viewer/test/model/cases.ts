// The table of cases that Python and TypeScript are both tested with, as the model takes them.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { initialState } from "../../src/initial_state";
import type { Payload } from "../../src/payload";
import type { ViewState } from "../../src/state";

export function table<Table>(name: string): Table {
  // Not by `new URL`: in tests that have a document vite takes that for something to load.
  const here = dirname(fileURLToPath(import.meta.url));
  const path = join(here, "../../../../../tests/viewer_cases", `${name}.json`);
  return JSON.parse(readFileSync(path, "utf8")) as Table;
}

export interface CaseQuery {
  filters: string[];
  include: string[];
  exclude: string[];
  stdlib: boolean | null;
  max_depth: number | null;
  depth_by: "visible" | "stack";
  process: number | null;
}

type Program = Pick<Payload, "functions" | "slices" | "auto"> & { processes: number[] };

const programs = table<{ filters: Payload["filters"]; programs: Record<string, Program> }>("programs");

/** Returns the data of a page that shows one of the programs. */
export function payloadOf(name: string): Payload {
  const program = programs.programs[name];
  if (program === undefined) {
    throw new Error(`there is no program ${name}`);
  }
  return {
    schema: 1,
    recording: {
      name,
      target: `/srv/${name}.py`,
      argv: [`/srv/${name}.py`],
      python: "3.13.0",
      engine: "native",
      started: "2026-11-23T12:00:00+00:00",
      duration_ns: 1,
      complete: true,
      running: false,
      exit_status: 0,
      notes: [],
      processes: program.processes.map((pid) => ({
        pid,
        parent_pid: 1,
        argv: [],
        processes: 1,
        running: false,
        ending: "exited",
        stop_reason: "",
      })),
    },
    functions: program.functions,
    slices: program.slices,
    slices_left_out: 0,
    filters: programs.filters,
    auto: program.auto,
    query: {
      filters: [],
      include: [],
      exclude: [],
      stdlib: null,
      max_depth: 4,
      depth_by: "visible",
      slice: "all",
      process: null,
      max_nodes: 80,
    },
    actions: [],
    phases: {},
    events: [],
    events_dropped: 0,
    marks: [],
    resources: null,
    action_bands: [],
    action_bands_dropped: 0,
    sources: {},
    changed_files: [],
  };
}

/** Returns the state that asks what a case asks. */
export function stateOf(payload: Payload, query: CaseQuery): ViewState {
  return {
    ...initialState(payload),
    filters: query.filters,
    include: query.include,
    exclude: query.exclude,
    stdlib: query.stdlib,
    depth: query.max_depth,
    depthBy: query.depth_by,
    process: query.process,
  };
}
