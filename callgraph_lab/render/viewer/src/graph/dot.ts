// The DOT text of a scene. It holds generated ids, sizes and nothing else: the texts were measured
// before, so no name of the target ever reaches Graphviz.
import { LINE_HEIGHT, type Scene, TITLE_POINTS } from "./scene";

export const POINTS_PER_INCH = 72;
export const LABEL_HEIGHT = 15;

/** Room for a figure on every line multiplies the time that a tangle of lines takes. */
const MOST_PLACED_LABELS = 120;

export interface DotOptions {
  /** Whether groups stand as clusters; else their members stand where lines put them. */
  hasGroups?: boolean;
  /** Whether there is room for the figures on lines. */
  hasLabels?: boolean;
}

export function dotText(
  scene: Scene,
  { hasGroups = true, hasLabels = scene.lines.length <= MOST_PLACED_LABELS }: DotOptions = {},
): string {
  const numberOf = new Map(scene.boxes.map((box, index) => [box.id, index]));
  const lines = [
    "digraph {",
    `graph [rankdir=${scene.direction} nodesep=0.22 ranksep=0.5 pad=0 margin=0]`,
    'node [shape=box fixedsize=true label=""]',
    "edge [arrowsize=0.6]",
  ];
  const sized = new Set<number>();
  const addNode = (index: number): void => {
    const box = scene.boxes[index];
    if (box !== undefined && !sized.has(index)) {
      sized.add(index);
      const shape = box.kind === "thread" ? " shape=oval" : "";
      lines.push(`n${index} [width=${inches(box.width)} height=${inches(box.height)}${shape}]`);
    }
  };
  (hasGroups ? scene.groups : []).forEach((group, index) => {
    const title = blank(group.titleWidth + 8, TITLE_POINTS * LINE_HEIGHT + 4);
    lines.push(`subgraph cluster_${index} { label=${title} labeljust=l margin=15`);
    for (const member of group.members) {
      addNode(numberOf.get(member) ?? -1);
    }
    lines.push("}");
  });
  scene.boxes.forEach((_, index) => addNode(index));
  scene.lines.forEach((line, index) => {
    const ends = `n${numberOf.get(line.source)} -> n${numberOf.get(line.target)}`;
    const label = line.text === "" || !hasLabels ? "" : ` label=${blank(line.textWidth + 6, LABEL_HEIGHT)}`;
    lines.push(`${ends} [id=e${index} penwidth=${line.strokeWidth.toFixed(2)}${label}]`);
  });
  lines.push("}");
  return lines.join("\n");
}

function inches(pixels: number): string {
  return (pixels / POINTS_PER_INCH).toFixed(4);
}

/** Returns a label that shows nothing and takes up as much room as the text drawn there. */
function blank(width: number, height: number): string {
  const size = `width="${Math.ceil(width)}" height="${Math.ceil(height)}"`;
  const attributes = `border="0" cellborder="0" cellspacing="0" cellpadding="0" fixedsize="true"`;
  return `<<table ${attributes} ${size}><tr><td></td></tr></table>>`;
}
