// Lays a scene out. Graphviz sometimes fails where clusters call each other in rings: boxes lie over
// each other and lines have no route. Then it is asked for less.
import { type DotOptions, dotText } from "./dot";
import { type Layout, type Placed, readLayout } from "./layout";
import type { LayoutClient } from "./layout_client";
import type { Scene } from "./scene";

const ATTEMPTS: readonly DotOptions[] = [{}, { hasLabels: false }, { hasGroups: false }];
/** Rounding lets neighbours touch. */
const TOUCHING = 1;

/** Returns where everything stands; null where a newer request came before it was known. */
export async function layOut(client: Pick<LayoutClient, "layout">, scene: Scene): Promise<Layout | null> {
  let layout: Layout | null = null;
  for (const attempt of ATTEMPTS) {
    const json = await client.layout(dotText(scene, attempt));
    if (json === null) {
      return null;
    }
    layout = readLayout(json, scene);
    if (isSound(layout, scene)) {
      break;
    }
  }
  return layout;
}

/** Tells whether every line has a route and no box lies over another. */
export function isSound(layout: Layout, scene: Scene): boolean {
  if (layout.lines.size < scene.lines.length || layout.boxes.size < scene.boxes.length) {
    return false;
  }
  const byLeft = [...layout.boxes.values()].sort((one, other) => leftOf(one) - leftOf(other));
  return byLeft.every((box, index) => {
    for (const next of byLeft.slice(index + 1)) {
      if (leftOf(next) >= box.x + box.width / 2 - TOUCHING) {
        break;
      }
      if (Math.abs(next.y - box.y) < (next.height + box.height) / 2 - TOUCHING) {
        return false;
      }
    }
    return true;
  });
}

function leftOf({ x, width }: Placed): number {
  return x - width / 2;
}
