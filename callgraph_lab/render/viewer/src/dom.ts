// Elements of the page, made without markup: whatever a recording says can only become text.
type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | null>;

/** Makes an element; attributes that are null or false are left out, true is an empty one. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  append(made, children);
  return made;
}

/** Makes an element of SVG. */
export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(made, attributes);
  append(made, children);
  return made;
}

/** Makes a button that does something. */
export function button(label: Child, attributes: Attributes, onClick: (event: MouseEvent) => void): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", onClick);
  return made;
}

function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (/^on/i.test(name) || name === "style") {
      throw new Error(`${name} is no attribute that this page may have`);
    }
    if (value !== null && value !== false) {
      target.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function append(target: Element, children: Child[]): void {
  for (const child of children) {
    if (child !== null) {
      target.append(child);
    }
  }
}
