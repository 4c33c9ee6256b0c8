// Globs and the names they are compared with, as filtering/globs.py defines both. What it tells of
// their meaning is not told again here; tests/viewer_cases hold both to the same answers.
import { ownName } from "./functions";

const WHAT_IS_IN_IT = "(?:\\.(?!<locals>).*)?";
const LOCAL = "<locals>.";
const NO_CLASS = "\0";

export interface NamedFunction {
  name: string;
  module: string;
  qualname: string;
  class: string | null;
  ancestors: readonly string[];
}

/** A function's name by a class that its object descends from, and that class's module. */
interface Inherited {
  name: string;
  module: string;
}

/** A function with all the names that a glob may find it by. */
export interface SearchNames {
  plain: string[];
  inherited: Inherited[];
  ownName: string;
}

export function searchNames(of: NamedFunction): SearchNames {
  const own = ownName(of.qualname);
  const plain = new Set([of.name, of.module ? `${of.module}.${of.qualname}` : of.qualname]);
  const inherited: Inherited[] = [];
  const holder = of.qualname.slice(0, Math.max(0, of.qualname.length - own.length - 1));
  if (holder && !holder.endsWith("<locals>")) {
    plain.add(`${behind(holder, LOCAL)}.${own}`);
  }
  for (const ancestor of of.ancestors.length > 0 ? of.ancestors : [of.class]) {
    if (ancestor) {
      const colon = ancestor.lastIndexOf(":");
      const module = ancestor.slice(0, Math.max(0, colon));
      const className = ancestor.slice(colon + 1);
      plain.add(`${behind(className, LOCAL)}.${own}`);
      if (module) {
        inherited.push({ name: `${module}.${className}.${own}`, module });
      }
    }
  }
  return { plain: [...plain], inherited, ownName: own };
}

function behind(text: string, separator: string): string {
  const at = text.lastIndexOf(separator);
  return at < 0 ? text : text.slice(at + separator.length);
}

/** Globs compiled into one expression; which of them matched is asked only where it did. */
export class GlobList {
  private readonly any: RegExp;
  private readonly singles: RegExp[];

  constructor(globs: readonly string[]) {
    const bodies = globs.map(globExpression);
    this.any = new RegExp(bodies.length > 0 ? bodies.join("|") : "(?!)", "su");
    this.singles = bodies.map((body) => new RegExp(body, "su"));
  }

  /** Returns the index of the first glob that matches, or null. */
  find(names: SearchNames): number | null {
    let first = this.singles.length;
    for (const name of names.plain) {
      if (this.any.test(name)) {
        first = Math.min(first, this.singles.findIndex((single) => single.test(name)));
      }
    }
    if (first === this.singles.length) {
      for (const { name, module } of names.inherited) {
        if (this.any.test(name)) {
          const withoutClass = `${module}.${NO_CLASS}.${names.ownName}`;
          const found = this.singles.findIndex(
            (single) => single.test(name) && !single.test(withoutClass),
          );
          first = found < 0 ? first : Math.min(first, found);
        }
      }
    }
    return first === this.singles.length ? null : first;
  }
}

/** Returns a glob as an expression for a whole name, or for what is in the thing it names. */
export function globExpression(glob: string): string {
  return `^(?:${translated([...glob])}${WHAT_IS_IN_IT})$`;
}

function translated(chars: readonly string[]): string {
  let result = "";
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string;
    if (char === "*") {
      result += ".*";
    } else if (char === "?") {
      result += ".";
    } else if (char === "[") {
      const end = endOfSet(chars, at + 1);
      result += end < 0 ? literal(char) : setExpression(chars.slice(at + 1, end));
      at = end < 0 ? at : end;
    } else {
      result += literal(char);
    }
  }
  return result;
}

/** Returns where the bracket stands that ends a set of characters, -1 where none does. */
function endOfSet(chars: readonly string[], start: number): number {
  let at = start;
  if (chars[at] === "!") {
    at += 1;
  }
  return chars.indexOf("]", chars[at] === "]" ? at + 1 : at);
}

function setExpression(chars: string[]): string {
  const isNegated = chars[0] === "!";
  const chunks = rangeChunks(isNegated ? chars.slice(1) : chars);
  const body = chunks.map((chunk) => chunk.map(literal).join("")).join("-");
  if (body === "") {
    return isNegated ? "." : "(?!)";
  }
  return `[${isNegated ? "^" : ""}${body}]`;
}

/** Splits a set at the hyphens that make ranges; ranges of nothing are left out. */
function rangeChunks(chars: string[]): string[][] {
  const chunks: string[][] = [];
  let start = 0;
  // A hyphen at the start, or right behind a range, is one itself.
  for (let at = chars.indexOf("-", 1); at >= 0; at = chars.indexOf("-", at + 3)) {
    chunks.push(chars.slice(start, at));
    start = at + 1;
  }
  const rest = chars.slice(start);
  const last = chunks.at(-1);
  if (rest.length > 0 || last === undefined) {
    chunks.push(rest);
  } else {
    last.push("-");
  }
  for (let index = chunks.length - 1; index > 0; index -= 1) {
    const before = chunks[index - 1] as string[];
    const behindIt = chunks[index] as string[];
    if (codePoint(before.at(-1)) > codePoint(behindIt[0])) {
      chunks.splice(index - 1, 2, [...before.slice(0, -1), ...behindIt.slice(1)]);
    }
  }
  return chunks;
}

function codePoint(char: string | undefined): number {
  return char?.codePointAt(0) ?? 0;
}

function literal(char: string): string {
  return /[A-Za-z0-9_]/.test(char) ? char : `\\u{${codePoint(char).toString(16)}}`;
}
