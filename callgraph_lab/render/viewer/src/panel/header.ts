// The head of the page: what was recorded, how, and whether it is complete.
import { element } from "../dom";
import { duration, shorten, visibleText } from "../format";
import type { RecordingInfo } from "../payload";

const LONGEST_ARGUMENTS_COLUMNS = 70;

export function makeHeading({ recording }: { recording: RecordingInfo }): HTMLElement {
  const { target, argv, started, python, engine, duration_ns: ns } = recording;
  const [, ...rest] = argv;
  const fileName = target.slice(target.lastIndexOf("/") + 1) || target;
  const facts = [
    momentText(started),
    `ran ${duration(ns)}`,
    `Python ${visibleText(python)}`,
    `engine ${visibleText(engine)}`,
  ];
  const notes = [
    ...recording.notes,
    ...recording.processes.flatMap(({ pid, stop_reason: reason }) =>
      reason === "" ? [] : [`process ${pid}: ${reason}`],
    ),
  ].map((note) => shorten(visibleText(note), 400));
  return element(
    "div",
    { class: "heading" },
    element(
      "h1",
      { title: visibleText([target, ...rest].join(" ")) },
      shorten(visibleText(fileName), 60),
      rest.length > 0
        ? element("span", { class: "arguments" }, shorten(visibleText(rest.join(" ")), LONGEST_ARGUMENTS_COLUMNS))
        : null,
    ),
    badge(recording),
    element("p", { class: "facts" }, facts.join(" · ")),
    notes.length > 0
      ? element(
          "details",
          { class: "notes" },
          element("summary", {}, notes.length === 1 ? "1 note" : `${notes.length} notes`),
          element("ul", {}, ...notes.map((note) => element("li", {}, note))),
        )
      : null,
  );
}

function badge({ running, complete, exit_status: status }: RecordingInfo): HTMLElement {
  if (running) {
    const title = "The target still ran when this page was made: it shows that moment.";
    return element("span", { class: "badge is-running", title }, "was running");
  }
  if (!complete) {
    const title = "The target or cglab was killed: all counts are up to then.";
    return element("span", { class: "badge is-incomplete", title }, "incomplete");
  }
  const text = status === null || status === 0 ? "complete" : `complete, exit status ${status}`;
  return element("span", { class: "badge is-complete" }, text);
}

/** Returns a moment to the second, as the recording's zone has it. */
function momentText(started: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(started);
  if (match === null) {
    return visibleText(started);
  }
  const zone = match[3] === "+00:00" || match[3] === "Z" ? "UTC" : (match[3] ?? "");
  return `${match[1]} ${match[2]} ${zone}`.trim();
}
