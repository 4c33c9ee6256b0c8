// The list of keys, over the page.
import { button, element } from "../dom";

const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["/", "search functions"],
  ["[   ]", "less deep, deeper"],
  ["1 … 5", "the tabs"],
  ["Tab", "to the graph, and through the page"],
  ["← ↑ → ↓", "from function to function"],
  ["Enter", "select a function; open a fold"],
  ["f", "focus on a function (or double click)"],
  ["e", "collapse or expand what it calls"],
  ["Escape", "close, leave focus"],
  ["+   −   0", "zoom in, out, show all"],
  ["Shift + arrows", "move the view"],
  ["s", "show or hide the side bar"],
  ["d", "light, dark, as the system"],
  ["Alt + ←", "back to what you looked at before"],
  ["?", "this list"],
];

export class Help {
  readonly element = element("dialog", { class: "help", "aria-labelledby": "help-title" });

  constructor() {
    const list = element("dl");
    for (const [keys, meaning] of KEYS) {
      list.append(element("dt", {}, element("kbd", {}, keys)), element("dd", {}, meaning));
    }
    this.element.append(
      element("h2", { id: "help-title" }, "Keys"),
      list,
      element(
        "p",
        { class: "remark" },
        "Everything on the page is in its address: a link or a bookmark opens the same view.",
      ),
      button("Close", { autofocus: true }, () => this.element.close()),
    );
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) {
        this.element.close();
      }
    });
  }

  toggle(): void {
    if (this.element.open) {
      this.element.close();
    } else {
      this.element.showModal();
    }
  }
}
