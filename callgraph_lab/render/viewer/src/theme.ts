// Light or dark: as asked for, or as the system is.
import type { Theme } from "./state";

const DARK = matchMedia("(prefers-color-scheme: dark)");

export function isDarkTheme(theme: Theme): boolean {
  return theme === "auto" ? DARK.matches : theme === "dark";
}

/** Calls back when the system changes. */
export function onSystemTheme(listener: () => void): void {
  DARK.addEventListener("change", listener);
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = isDarkTheme(theme) ? "dark" : "light";
}
