// Which functions show and by which rule: the checks of filtering/filter_set.py, in its order.
import type { FilterLayer, FunctionInfo, Payload, Preset } from "../payload";
import { GlobList, type SearchNames, searchNames } from "./globs";

const MAIN_MODULES = new Set(["__main__", "__mp_main__"]);
export const DEFAULT_FILTER = "auto";

export interface Decision {
  visible: boolean;
  /** The rule as the user would write it: `exclude logging.* (filter no-logging)`. */
  rule: string;
  /** It shows only below a caller that shows, as a C function does. */
  withCaller: boolean;
}

/** What a query says of filters. No filters mean `auto`. */
export interface FilterQuery {
  filters: readonly string[];
  include: readonly string[];
  exclude: readonly string[];
  stdlib: boolean | null;
}

export interface Decided {
  /** The filters as resolved: `auto` is replaced by what it chose. */
  names: string[];
  /** One for each function of the payload. */
  decisions: Decision[];
}

interface Candidate {
  of: FunctionInfo;
  names: SearchNames;
}

type Check = (candidate: Candidate) => Decision | null;

interface GlobRule {
  glob: string;
  origin: string | null;
}

const THREAD: Decision = { visible: true, rule: "threads always show", withCaller: false };
const C_FUNCTION: Decision = {
  visible: true,
  rule: "C functions show with their callers",
  withCaller: true,
};

const candidatesOf = new WeakMap<Payload, Candidate[]>();

/** Decides for every function of the recording. Filters that are not in the payload are ignored. */
export function decide(payload: Payload, query: FilterQuery): Decided {
  const asked = query.filters.length > 0 ? query.filters : [DEFAULT_FILTER];
  const presets = new Set<Preset>();
  for (const name of asked) {
    const preset = presetCalled(payload, name, query.include.length > 0);
    if (preset !== undefined) {
      presets.add(preset);
    }
  }
  const checks = checksFor(
    [...presets].flatMap((preset) => preset.layers.slice(-1)),
    distinctLayers(presets),
    query,
  );
  let candidates = candidatesOf.get(payload);
  if (candidates === undefined) {
    candidates = payload.functions.map((of) => ({ of, names: searchNames(of) }));
    candidatesOf.set(payload, candidates);
  }
  const names = [...presets].map((preset) => preset.layers.at(-1)?.name ?? preset.name);
  return {
    names: [...new Set(names)],
    decisions: candidates.map((candidate) => decision(checks, candidate)),
  };
}

/** Returns the preset of that name, of `auto` the one that it chooses. */
export function presetCalled(
  payload: Payload,
  name: string,
  hasInclude: boolean,
): Preset | undefined {
  const auto = hasInclude ? payload.auto.with_include.name : payload.auto.plain.name;
  const wanted = name === DEFAULT_FILTER ? auto : name;
  return payload.filters.find((preset) => preset.name === wanted);
}

function distinctLayers(presets: Iterable<Preset>): FilterLayer[] {
  const layers = new Map<string, FilterLayer>();
  for (const preset of presets) {
    for (const layer of preset.layers) {
      layers.set(JSON.stringify(layer), layer);
    }
  }
  return [...layers.values()];
}

function decision(checks: readonly Check[], candidate: Candidate): Decision {
  for (const check of checks) {
    const decided = check(candidate);
    if (decided !== null) {
      return decided;
    }
  }
  throw new Error("the last check decides for every function");
}

function checksFor(named: FilterLayer[], layers: FilterLayer[], query: FilterQuery): Check[] {
  const written = (globs: readonly string[]): GlobRule[] =>
    [...new Set(globs)].map((glob) => ({ glob, origin: null }));
  return [
    ({ of }) => (of.kind === "thread" ? THREAD : null),
    ...globCheck(written(query.exclude), false),
    ...globCheck(written(query.include), true),
    ...globCheck(rulesOf(layers, "exclude"), false),
    ...importCodeCheck(named),
    ...globCheck(rulesOf(layers, "include"), true),
    ...targetCheck(layers),
    ({ of }) => (of.kind === "c_function" ? C_FUNCTION : null),
    ...stdlibCheck(named, layers, query),
    finalCheck(layers, query),
  ];
}

function rulesOf(layers: readonly FilterLayer[], verb: "include" | "exclude"): GlobRule[] {
  return layers.flatMap((layer) => layer[verb].map((glob) => ({ glob, origin: layer.name })));
}

function globCheck(rules: readonly GlobRule[], visible: boolean): Check[] {
  if (rules.length === 0) {
    return [];
  }
  const verb = visible ? "include" : "exclude";
  const globs = new GlobList(rules.map((rule) => rule.glob));
  const decisions = rules.map(({ glob, origin }) =>
    made(visible, origin === null ? `--${verb} ${glob}` : `${verb} ${glob} (filter ${origin})`),
  );
  return [
    ({ names }) => {
      const found = globs.find(names);
      return found === null ? null : (decisions[found] ?? null);
    },
  ];
}

function importCodeCheck(named: readonly FilterLayer[]): Check[] {
  const origin = named.find((layer) => layer.import_code === false)?.name;
  if (origin === undefined) {
    return [];
  }
  const decided = made(false, `code of imports (filter ${origin})`);
  return [({ of }) => (of.is_import_code ? decided : null)];
}

function targetCheck(layers: readonly FilterLayer[]): Check[] {
  const origin = layers.find((layer) => layer.target)?.name;
  if (origin === undefined) {
    return [];
  }
  const decided = made(true, `target (filter ${origin})`);
  return [({ of }) => (of.is_target ? decided : null)];
}

function stdlibCheck(
  named: readonly FilterLayer[],
  layers: readonly FilterLayer[],
  query: FilterQuery,
): Check[] {
  const ofStdlib = (decided: Decision): Check[] => [
    ({ of }) => (of.stdlib && !MAIN_MODULES.has(of.module) ? decided : null),
  ];
  if (query.stdlib === true) {
    return withIncludes(layers).length > 0 ? ofStdlib(made(true, "--stdlib")) : [];
  }
  if (query.stdlib === false) {
    return ofStdlib(made(false, "--no-stdlib"));
  }
  const origin = named.find((layer) => layer.stdlib === false)?.name;
  return origin === undefined ? [] : ofStdlib(made(false, `standard library (filter ${origin})`));
}

function finalCheck(layers: readonly FilterLayer[], query: FilterQuery): Check {
  const origins = [
    ...withIncludes(layers).map((name) => `filter ${name}`),
    ...new Set(query.include.map((glob) => `--include ${glob}`)),
  ];
  const decided =
    origins.length === 0
      ? made(true, "no rule hides it")
      : made(false, `not included (${origins.join(", ")})`);
  return () => decided;
}

function withIncludes(layers: readonly FilterLayer[]): string[] {
  return layers
    .filter((layer) => layer.include.length > 0 || layer.target)
    .map((layer) => layer.name);
}

function made(visible: boolean, rule: string): Decision {
  return { visible, rule, withCaller: false };
}
