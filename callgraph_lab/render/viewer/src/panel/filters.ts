// Which functions show: filters as check boxes, globs, the standard library, what depth counts.
import { element } from "../dom";
import { shorten, visibleText } from "../format";
import { DEFAULT_FILTER } from "../model/decisions";
import type { ViewState } from "../state";
import type { PageContext } from "../types";

const SHOWS_ALL = "none";

type GlobKey = "include" | "exclude";

export class Filters {
  readonly element = element("section", { class: "filters", "aria-labelledby": "filters-title" });
  private readonly boxes = new Map<string, HTMLInputElement>();
  private readonly globs = new Map<GlobKey, HTMLInputElement>();
  private readonly autoChoice = element("span", { class: "remark" });
  private readonly stdlib = select("Standard library", [
    ["", "as the filters say"],
    ["yes", "shown"],
    ["no", "hidden"],
  ]);
  private readonly depthBy = select("Depth counts", [
    ["visible", "visible functions"],
    ["stack", "every frame"],
  ]);

  constructor(private readonly context: PageContext) {
    const { payload, store } = context;
    const list = element("fieldset", { class: "checks" }, element("legend", {}, "Filters"));
    const presets = [
      { name: DEFAULT_FILTER, description: "Chosen by what ran." },
      ...payload.filters,
    ];
    for (const { name, description } of presets) {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => this.toggle(name, box.checked));
      this.boxes.set(name, box);
      const shown = shorten(visibleText(name), 40);
      list.append(
        element(
          "label",
          { class: "check", title: visibleText(description) },
          box,
          shown,
          name === DEFAULT_FILTER ? this.autoChoice : null,
        ),
      );
    }
    this.element.append(
      element("h2", { id: "filters-title" }, "What shows"),
      list,
      this.globField("include", "Include", "FTPHandler.*  my_module"),
      this.globField("exclude", "Exclude", "logging.*"),
      this.stdlib.label,
      this.depthBy.label,
    );
    this.stdlib.select.addEventListener("change", () => {
      const { value } = this.stdlib.select;
      store.update({ stdlib: value === "" ? null : value === "yes" }, { push: true });
    });
    this.depthBy.select.addEventListener("change", () => {
      const depthBy = this.depthBy.select.value === "stack" ? "stack" : "visible";
      store.update({ depthBy }, { push: true });
    });
  }

  update(state: ViewState): void {
    const active = state.filters.length > 0 ? state.filters : [DEFAULT_FILTER];
    for (const [name, box] of this.boxes) {
      box.checked = active.includes(name);
    }
    const { auto } = this.context.payload;
    const choice = state.include.length > 0 ? auto.with_include : auto.plain;
    this.autoChoice.textContent = ` ${visibleText(choice.name)}`;
    for (const [key, input] of this.globs) {
      if (document.activeElement !== input) {
        input.value = state[key].join("  ");
      }
    }
    this.stdlib.select.value = state.stdlib === null ? "" : state.stdlib ? "yes" : "no";
    this.depthBy.select.value = state.depthBy;
  }

  private toggle(name: string, isOn: boolean): void {
    const { store } = this.context;
    const { filters } = store.get();
    const active = filters.length > 0 ? filters : [DEFAULT_FILTER];
    const others = active.filter((one) => one !== name);
    // `none` shows everything only where no other filter stands beside it.
    const next = !isOn
      ? others
      : name === SHOWS_ALL
        ? [name]
        : [...others.filter((one) => one !== SHOWS_ALL), name];
    const isDefault = next.length === 0 || (next.length === 1 && next[0] === DEFAULT_FILTER);
    store.update({ filters: isDefault ? [] : next }, { push: true });
  }

  private globField(key: GlobKey, title: string, example: string): HTMLElement {
    const input = element("input", {
      type: "text",
      placeholder: example,
      autocomplete: "off",
      spellcheck: "false",
      "data-glob": key,
    });
    input.addEventListener("change", () => {
      const globs = input.value.split(/\s+/).filter((glob) => glob !== "");
      this.context.store.update({ [key]: globs }, { push: true });
    });
    this.globs.set(key, input);
    return element("label", { class: "field" }, element("span", {}, title), input);
  }
}

export interface LabelledSelect {
  label: HTMLElement;
  select: HTMLSelectElement;
}

/** Makes a chooser with a title; `options` are pairs of a value and what it is called. */
export function select(title: string, options: readonly (readonly [string, string])[]): LabelledSelect {
  const made = element("select");
  setOptions(made, options);
  return {
    select: made,
    label: element("label", { class: "field" }, element("span", {}, title), made),
  };
}

export function setOptions(
  target: HTMLSelectElement,
  options: readonly (readonly [string, string])[],
): void {
  target.replaceChildren(
    ...options.map(([value, text]) => element("option", { value }, shorten(visibleText(text), 60))),
  );
}
