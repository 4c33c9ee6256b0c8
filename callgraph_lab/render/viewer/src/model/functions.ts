// What of a function follows from its name.

/** Returns the last part of a qualified name: `loop` of `_IOLoop.loop`. */
export function ownName(qualname: string): string {
  return qualname.slice(qualname.lastIndexOf(".") + 1);
}
