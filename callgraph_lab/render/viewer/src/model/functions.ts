// What of a function follows from its name.

interface Named {
  kind: "function" | "c_function" | "thread";
  qualname: string;
  class: string | null;
  defined_in: string | null;
  name: string;
  module: string;
}

/** Returns the last part of a qualified name: `loop` of `_IOLoop.loop`. */
export function ownName(qualname: string): string {
  return qualname.slice(qualname.lastIndexOf(".") + 1);
}

/** Returns a function's name without its module: `Epoll.loop`, `main`, `f.<locals>.g`. */
export function shortNameOf(of: Named): string {
  if (of.kind === "thread") {
    return of.name;
  }
  const prefix = of.module === "" ? "" : `${of.module}.`;
  return of.name.startsWith(prefix) ? of.name.slice(prefix.length) : of.name;
}
