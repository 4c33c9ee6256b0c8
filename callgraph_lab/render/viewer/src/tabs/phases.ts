/**
 * The phases of the selected action, walked in order beside the graph: each marks its functions
 * there. It shows itself only for an action that has phases.
 */
import { button, element } from "../dom";
import { count, duration, number, shorten, visibleText } from "../format";
import type { Phase, PhaseWork } from "../payload";
import type { ViewState } from "../state";
import type { App, MakeTab, Tab } from "../types";
import { FunctionIds } from "./function_ids";

const MOST_FUNCTIONS = 12;
const NO_PHASE = -1;

export const makePhasesPanel: MakeTab = (app) => new PhasesPanel(app);

class PhasesPanel implements Tab {
  readonly element: HTMLElement;
  private readonly title = element("h2");
  private readonly previous = button("Previous", {}, () => this.walkTo(this.at - 1));
  private readonly next = button("Next", {}, () => this.walkTo(this.at + 1));
  private readonly list = element("ol", { class: "phase-list" });
  private ids: FunctionIds | null = null;
  private action: string | null = null;
  private phases: readonly Phase[] = [];
  private at = NO_PHASE;

  constructor(private readonly app: App) {
    const steps = element("div", { class: "phase-steps" }, this.previous, this.next);
    this.element = element("section", { class: "phases", hidden: true }, this.title, steps, this.list);
    this.element.setAttribute("aria-label", "Phases of the action");
  }

  show(): void {
    this.update(this.app.store.get());
  }

  hide(): void {
    this.app.highlight([]);
  }

  update(state: ViewState): void {
    const slice = this.app.payload.slices.find((one) => one.key === state.slice);
    const action = slice?.action ?? null;
    if (action !== this.action) {
      this.action = action;
      const all = this.app.payload.phases;
      this.phases = action !== null && Object.hasOwn(all, action) ? (all[action] ?? []) : [];
      this.element.hidden = this.phases.length === 0;
      this.title.textContent = `Phases of ${nameText(action ?? "", 60)}`;
      if (this.at !== NO_PHASE) this.app.highlight([]);
      this.at = NO_PHASE;
      this.draw();
    }
  }

  private walkTo(at: number): void {
    const phase = this.phases[at];
    if (phase === undefined) return;
    this.at = at;
    this.draw();
    const ids = idsOfPhase(phase, this.functionIds());
    this.app.highlight(ids);
    const [first] = ids;
    if (first !== undefined) this.app.store.update({ selected: first }, { push: true });
    const told = `Phase ${at + 1} of ${this.phases.length}: ${nameText(phase.name, 80)}. ${nameText(phase.sentence, 300)}`;
    this.app.announce(ids.length > 0 ? told : `${told} None of its functions shows.`);
  }

  private functionIds(): FunctionIds {
    this.ids ??= new FunctionIds(this.app.payload);
    return this.ids;
  }

  private draw(): void {
    this.previous.disabled = this.at <= 0;
    this.next.disabled = this.at >= this.phases.length - 1;
    this.list.replaceChildren(...this.phases.map((phase, index) => this.item(phase, index)));
  }

  private item(phase: Phase, index: number): HTMLLIElement {
    const isCurrent = index === this.at;
    const head = button(nameText(phase.name, 80), { "aria-expanded": isCurrent ? "true" : "false" }, () => {
      this.walkTo(index);
      // The list is made anew, and the focus stays where it was.
      (this.list.children[index]?.querySelector("button") as HTMLElement | null)?.focus();
    });
    const item = element("li", { "aria-current": isCurrent ? "step" : null }, head);
    item.append(element("span", { class: "phase-figures" }, figuresOf(phase)));
    if (isCurrent) {
      item.append(element("p", {}, nameText(phase.sentence, 600)), this.functions(phase));
      for (const prepared of phase.prepared) {
        item.append(element("p", {}, `Prepared for it before by ${nameText(prepared.action, 60)}:`), this.functions(prepared));
      }
    }
    return item;
  }

  /** The functions that took most, in the order of their first calls; each can be selected. */
  private functions(work: PhaseWork): HTMLElement {
    const heaviest = [...work.functions].sort((one, other) => other.time_ns - one.time_ns).slice(0, MOST_FUNCTIONS);
    const kept = new Set(heaviest);
    const list = element("ul", { class: "phase-functions" });
    for (const one of work.functions) {
      if (!kept.has(one)) continue;
      const id = this.functionIds().at(one.name, one.file, one.line);
      const select = button(nameText(shortName(one.name), 60), { title: nameText(one.name, 500), disabled: id === undefined }, () =>
        this.app.store.update({ selected: id ?? null }, { push: true }),
      );
      list.append(element("li", {}, select, ` ${number(one.calls)} × · ${duration(one.time_ns)}`));
    }
    const left = work.functions.length - kept.size;
    if (left > 0) list.append(element("li", {}, `and ${count(left, "function")} that took less`));
    return list;
  }
}

/** Returns the nodes of a phase's functions, of its preparation too, the heaviest first. */
export function idsOfPhase(phase: Phase, ids: FunctionIds): string[] {
  const all = [phase, ...phase.prepared].flatMap((work) =>
    [...work.functions].sort((one, other) => other.time_ns - one.time_ns),
  );
  const found = all.map((one) => ids.at(one.name, one.file, one.line));
  return [...new Set(found.filter((id) => id !== undefined))];
}

/** Returns what a phase took, in few words. */
export function figuresOf(phase: Phase): string {
  const told = [count(phase.calls, "call"), `${duration(phase.time_ns)} of work`];
  if (phase.begins_after_ns !== null) told.push(`after ${duration(phase.begins_after_ns)}`);
  return told.join(" · ");
}

function nameText(text: string, most: number): string {
  return shorten(visibleText(text), most);
}

function shortName(name: string): string {
  return name.split(".").slice(-2).join(".");
}
