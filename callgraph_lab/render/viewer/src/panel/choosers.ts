// Which part of the recording is shown: an action, two to compare, a process, a thread.
import { button, element } from "../dom";
import { count, duration } from "../format";
import type { Ending, ProcessInfo, Slice } from "../payload";
import type { ViewState } from "../state";
import type { PageContext } from "../types";
import { type LabelledSelect, select, setOptions } from "./filters";

const NOTHING = "";

export class Choosers {
  readonly element = element("section", { class: "choosers", "aria-labelledby": "choosers-title" });
  private readonly slice: LabelledSelect;
  private readonly compare: LabelledSelect;
  private readonly process: LabelledSelect;
  private readonly thread: LabelledSelect;
  private readonly swap: HTMLButtonElement;

  constructor(private readonly context: PageContext) {
    const { payload, store } = context;
    const slices = payload.slices.map((slice) => [slice.key, titleOf(slice)] as const);
    this.slice = select("Action", slices);
    this.compare = select("Compare with", [[NOTHING, "nothing"], ...slices]);
    this.process = select("Process", [
      [NOTHING, "all of them"],
      ...payload.recording.processes.map((process) => [String(process.pid), titleOfProcess(process)] as const),
    ]);
    this.thread = select("Thread", []);
    this.swap = button("Swap", { title: "Exchange the two sides" }, () => {
      const { slice, compare } = store.get();
      if (compare !== null) {
        store.update({ slice: compare, compare: slice, thread: null, zoom: null }, { push: true });
      }
    });
    this.slice.select.addEventListener("change", () => this.choose({ slice: this.slice.select.value }));
    this.compare.select.addEventListener("change", () =>
      store.update({ compare: this.compare.select.value || null }, { push: true }),
    );
    this.process.select.addEventListener("change", () => {
      this.choose({ process: numberOrNone(this.process.select.value) });
    });
    this.thread.select.addEventListener("change", () =>
      store.update({ thread: numberOrNone(this.thread.select.value), zoom: null }, { push: true }),
    );
    const left =
      payload.slices_left_out > 0
        ? element("p", { class: "remark" }, `${count(payload.slices_left_out, "slice")} left out of the page`)
        : null;
    this.element.append(
      element("h2", { id: "choosers-title" }, "What of it"),
      this.slice.label,
      element("div", { class: "with-button" }, this.compare.label, this.swap),
      this.process.label,
      this.thread.label,
    );
    if (left !== null) {
      this.element.append(left);
    }
    this.compare.label.hidden = payload.slices.length < 2;
    this.process.label.hidden = payload.recording.processes.length < 2;
  }

  update(state: ViewState): void {
    const slice = this.context.selection.slice(state);
    this.slice.select.value = slice.key;
    this.compare.select.value = state.compare ?? NOTHING;
    this.swap.hidden = state.compare === null;
    this.process.select.value = state.process === null ? NOTHING : String(state.process);
    const threads = slice.threads
      .map((thread, index) => ({ thread, index }))
      .filter(({ thread }) => state.process === null || thread.pid === state.process);
    const hasProcesses = this.context.payload.recording.processes.length > 1;
    setOptions(this.thread.select, [
      [NOTHING, "all of them"],
      ...threads.map(({ thread, index }) => {
        const times = thread.threads > 1 ? ` (${count(thread.threads, "thread")})` : "";
        const of = hasProcesses ? ` of ${thread.pid}` : "";
        return [String(index), `${thread.name}${times}${of}`] as const;
      }),
    ]);
    this.thread.select.value = state.thread === null ? NOTHING : String(state.thread);
    this.thread.label.hidden = threads.length < 2;
  }

  private choose(change: Partial<ViewState>): void {
    this.context.store.update({ ...change, thread: null, zoom: null }, { push: true });
  }
}

const ENDED: Partial<Record<Ending, string>> = {
  running: "still running",
  replaced: "replaced by exec",
  killed: "killed",
};

function titleOfProcess({ pid, argv, processes, ending }: ProcessInfo): string {
  const times = processes > 1 ? `${count(processes, "process", "processes")}, ` : "";
  const ended = ENDED[ending];
  return `${pid} (${times}${argv.join(" ")})${ended === undefined ? "" : `, ${ended}`}`;
}

function titleOf({ title, threads, tree, nth }: Slice): string {
  const times = tree.inclusive_ns;
  const ns = threads.reduce((sum, { root }) => sum + (times?.[root] ?? 0), 0);
  return `${nth === null ? "" : "\u2003"}${title}${ns > 0 ? ` · ${duration(ns)}` : ""}`;
}

function numberOrNone(text: string): number | null {
  return text === NOTHING ? null : Number(text);
}
