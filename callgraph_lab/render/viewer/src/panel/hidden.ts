// What the filters hide, by which rule: nothing goes missing without being told.
import { element } from "../dom";
import { count, number, shorten, visibleText } from "../format";
import type { ViewState } from "../state";
import type { PageContext } from "../types";

const MOST_RULES = 40;

export class HiddenSummary {
  readonly element = element("section", { class: "hidden-summary", "aria-label": "What is hidden" });

  constructor(private readonly context: PageContext) {}

  update(state: ViewState): void {
    const { hidden } = this.context.selection.graph(state);
    if (hidden.functions === 0) {
      this.element.replaceChildren(element("p", { class: "remark" }, "Nothing is hidden."));
      return;
    }
    const list = element("table");
    const rules = [...hidden.by_rule].sort((one, other) => other.calls - one.calls);
    list.append(
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "rule"),
          element("th", { scope: "col" }, "functions"),
          element("th", { scope: "col" }, "calls"),
        ),
      ),
      element(
        "tbody",
        {},
        ...rules
          .slice(0, MOST_RULES)
          .map(({ rule, functions, calls }) =>
            element(
              "tr",
              {},
              element("th", { scope: "row" }, shorten(visibleText(rule), 120)),
              element("td", {}, number(functions)),
              element("td", {}, number(calls)),
            ),
          ),
      ),
    );
    const wasOpen = this.element.querySelector("details")?.open ?? false;
    const left = rules.length - MOST_RULES;
    this.element.replaceChildren(
      element(
        "details",
        { open: wasOpen },
        element(
          "summary",
          {},
          `Hidden: ${count(hidden.functions, "function")}, ${count(hidden.calls, "call")}`,
        ),
        list,
        left > 0 ? element("p", { class: "remark" }, `and ${count(left, "more rule")}`) : null,
      ),
    );
  }
}
