// Where the arrow keys lead: to the nearest box in a direction.
import type { Placed } from "./layout";

export type Arrow = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

/** How much further a step aside is than a step ahead. */
const ASIDE = 2.5;

export function isArrow(key: string): key is Arrow {
  return /^Arrow(Left|Right|Up|Down)$/.test(key);
}

/** Returns the id of the nearest place in a direction; null where there is none. */
export function nearest(
  places: ReadonlyMap<string, Placed>,
  from: string,
  arrow: Arrow,
): string | null {
  const start = places.get(from);
  if (start === undefined) {
    return null;
  }
  let [best, least]: [string | null, number] = [null, Number.POSITIVE_INFINITY];
  for (const [id, place] of places) {
    const [ahead, aside] = along(arrow, place.x - start.x, place.y - start.y);
    const far = ahead + ASIDE * aside;
    if (id !== from && ahead > 1 && far < least) {
      [best, least] = [id, far];
    }
  }
  return best;
}

function along(arrow: Arrow, x: number, y: number): [ahead: number, aside: number] {
  switch (arrow) {
    case "ArrowLeft":
      return [-x, Math.abs(y)];
    case "ArrowRight":
      return [x, Math.abs(y)];
    case "ArrowUp":
      return [-y, Math.abs(x)];
    case "ArrowDown":
      return [y, Math.abs(x)];
  }
}
