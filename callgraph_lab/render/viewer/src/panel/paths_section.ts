// The ways to a function, each as a chain of functions that lead on.
import { element } from "../dom";
import { count, number } from "../format";
import type { CallPath } from "../model/paths";

const MOST_ON_A_PATH = 12;

/** Returns the section of a panel; `all` is how many ways there are, `link` leads to a function. */
export function pathsSection(
  paths: readonly CallPath[],
  all: number,
  link: (id: string, text: string) => HTMLElement,
): HTMLElement[] {
  if (paths.length === 0) {
    return [];
  }
  const list = element("ol", { class: "paths" });
  for (const path of paths) {
    const skipped = Math.max(0, path.ids.length - MOST_ON_A_PATH);
    const half = MOST_ON_A_PATH / 2;
    const kept =
      skipped > 0 ? [...path.ids.slice(0, half), null, ...path.ids.slice(-half)] : path.ids;
    const item = element("li", {});
    const chain = element("span", { class: "chain" });
    kept.forEach((id, index) => {
      chain.append(
        ...(index > 0 ? [element("span", { class: "arrow", "aria-hidden": "true" }, " › ")] : []),
        id === null ? `${number(skipped)} more` : link(id, lastName(id)),
      );
    });
    const frames = path.skippedFrames > 0 ? `, ${count(path.skippedFrames, "hidden frame")}` : "";
    item.append(
      element("span", { class: "figure" }, `${count(path.entered, "call")}${frames}`),
      chain,
    );
    list.append(item);
  }
  const more = all > paths.length ? `${paths.length} of ${number(all)}` : number(all);
  return [element("h3", {}, "Paths to it", element("small", {}, more)), list];
}

function lastName(id: string): string {
  const parts = id.split(".");
  return parts.slice(-2).join(".");
}
