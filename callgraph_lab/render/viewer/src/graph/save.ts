// The picture as a file: SVG as it is drawn, with a caption, or PNG at twice the size.
import { element, svgElement } from "../dom";
import type { Area } from "./layout";
import type { Look } from "./look";
import { FONT } from "./scene";

const MARGIN = 20;
const CAPTION_LINE = 18;
const PNG_SCALE = 2;
/** Browsers draw no larger canvas. */
const MOST_PIXELS = 16_000;

export interface SavedPicture {
  svg: SVGSVGElement;
  bounds: Area;
  look: Look;
  /** The first line is the title. */
  caption: string[];
  fileName: string;
}

export function saveSvg(saved: SavedPicture): void {
  const text = svgText(saved).text;
  download(new Blob([text], { type: "image/svg+xml" }), `${saved.fileName}.svg`);
}

export async function savePng(saved: SavedPicture): Promise<void> {
  const { text, width, height } = svgText(saved);
  const scale = Math.min(PNG_SCALE, MOST_PIXELS / width, MOST_PIXELS / height);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = element("canvas", {
    width: Math.ceil(width * scale),
    height: Math.ceil(height * scale),
  });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) {
    throw new Error("the browser could not draw so large a picture: save it as SVG");
  }
  download(blob, `${saved.fileName}.png`);
}

/** Returns a document of its own: the picture, and above it what it shows. */
function svgText({ svg, bounds, look, caption }: SavedPicture): {
  text: string;
  width: number;
  height: number;
} {
  const captionHeight = caption.length * CAPTION_LINE + 14;
  const width = Math.max(bounds.width, ...caption.map((line) => line.length * 7)) + 2 * MARGIN;
  const height = bounds.height + captionHeight + 2 * MARGIN;
  const whole = svgElement("svg", {
    width: Math.ceil(width),
    height: Math.ceil(height),
    viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
    "font-family": FONT,
  });
  const ground = svgElement("rect", { width: "100%", height: "100%", fill: look.ground });
  const texts = caption.map((line, index) =>
    svgElement(
      "text",
      {
        x: MARGIN,
        y: MARGIN + (index + 0.8) * CAPTION_LINE,
        "font-size": index === 0 ? 15 : 12,
        "font-weight": index === 0 ? 600 : 400,
        fill: index === 0 ? look.ink : look.muted,
      },
      line,
    ),
  );
  const picture = svg.firstElementChild?.cloneNode(true) as SVGGElement;
  for (const item of picture.querySelectorAll("*")) {
    for (const name of ["class", "tabindex", "role", "aria-label", "aria-hidden", "aria-current", "data-id"]) {
      item.removeAttribute(name);
    }
  }
  const shift = [MARGIN - bounds.left, MARGIN + captionHeight - bounds.top];
  picture.setAttribute("transform", `translate(${shift.join(",")})`);
  whole.append(ground, ...texts, picture);
  return { text: new XMLSerializer().serializeToString(whole), width, height };
}

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
