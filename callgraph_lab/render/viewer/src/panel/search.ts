// The search box: completes over all functions of the recording, and says which are hidden.
import { element } from "../dom";
import { count, shorten, visibleText } from "../format";
import { type CatalogEntry, catalogOf, find } from "../model/catalog";
import type { PageContext } from "../types";

const MOST_OPTIONS = 40;
const LONGEST_NAME_COLUMNS = 90;

export class Search {
  readonly element = element("div", { class: "search", role: "search" });
  private readonly input = element("input", {
    type: "search",
    placeholder: "Search functions  ( / )",
    role: "combobox",
    "aria-label": "Search functions",
    "aria-expanded": "false",
    "aria-controls": "search-options",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
  });
  private readonly list = element("ul", {
    id: "search-options",
    class: "search-options",
    role: "listbox",
    "aria-label": "Functions found",
    hidden: true,
  });
  private found: CatalogEntry[] = [];
  private active = -1;

  constructor(private readonly context: PageContext) {
    this.element.append(this.input, this.list);
    this.input.addEventListener("input", () => this.complete());
    this.input.addEventListener("focus", () => this.complete());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) {
        this.close();
      }
    });
    // The list must not take the focus from the input, or it would close before the click.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  open(): void {
    this.input.focus();
    this.input.select();
  }

  private complete(): void {
    const text = this.input.value.trim();
    if (text === "") {
      this.close();
      return;
    }
    const { selection, store } = this.context;
    const state = store.get();
    const catalog = catalogOf(selection.ground(state), selection.fullGraph(state));
    this.found = find(catalog.values(), text, MOST_OPTIONS);
    const shown = new Set(this.context.graph().nodes.map((node) => node.id));
    const options = this.found.map((entry, index) => this.option(entry, index, shown));
    this.list.replaceChildren(
      ...(options.length > 0
        ? options
        : [element("li", { class: "search-nothing" }, "No function has such a name.")]),
    );
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.point(options.length > 0 ? 0 : -1);
    this.context.announce(`${count(this.found.length, "function")} found`);
  }

  private option(entry: CatalogEntry, index: number, shown: ReadonlySet<string>): HTMLElement {
    const status = statusOf(entry, shown);
    const option = element(
      "li",
      { id: `search-option-${index}`, role: "option", class: status === "" ? null : "is-away" },
      element("span", { class: "search-name" }, shownName(entry.name)),
      element("span", { class: "search-calls" }, count(entry.calls, "call")),
      status === "" ? null : element("span", { class: "search-status" }, status),
    );
    option.addEventListener("click", () => this.choose(index));
    return option;
  }

  private key(event: KeyboardEvent): void {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      const size = this.found.length;
      this.point(size === 0 ? -1 : (this.active + step + size) % size);
    } else if (event.key === "Enter" && isOpen) {
      this.choose(this.active);
    } else if (event.key === "Escape") {
      if (isOpen) {
        this.close();
      } else {
        this.input.value = "";
        this.input.blur();
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private point(index: number): void {
    this.active = index;
    [...this.list.children].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) {
        option.scrollIntoView({ block: "nearest" });
      }
    });
    if (index < 0) {
      this.input.removeAttribute("aria-activedescendant");
    } else {
      this.input.setAttribute("aria-activedescendant", `search-option-${index}`);
    }
  }

  private choose(index: number): void {
    const entry = this.found[index];
    if (entry === undefined) {
      return;
    }
    this.close();
    this.input.value = "";
    this.input.blur();
    this.context.store.update({ selected: entry.id }, { push: true });
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.point(-1);
  }
}

function shownName(name: string): string {
  return shorten(visibleText(name), LONGEST_NAME_COLUMNS);
}

function statusOf(entry: CatalogEntry, shown: ReadonlySet<string>): string {
  if (shown.has(entry.id)) {
    return "";
  }
  if (entry.isHidden) {
    return entry.calls > 0 ? "hidden by a filter" : "not called here";
  }
  return entry.node === null ? "not called here" : `from depth ${entry.node.min_depth} on`;
}
