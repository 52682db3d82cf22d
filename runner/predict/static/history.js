// What was asked in this tab, the newest first, to be looked at or asked again.
import { element } from "./asking.js";

const MOST = 30;
const LONGEST = 20_000; // characters of a body that is kept

export class History {
  constructor(place, name, restore) {
    this.place = place;
    this.key = `runner-history ${name}`;
    this.restore = restore;
    this.entries = this.#kept();
    this.#show();
  }

  add({ json, answer, ok, milliseconds }) {
    this.entries.unshift({ json: json !== undefined && json.length <= LONGEST ? json : null, answer, ok, milliseconds, at: Date.now() });
    this.entries.splice(MOST);
    this.#keep();
    this.#show();
  }

  #kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }

  // A tab's storage has room for so much; beyond it the history lasts as long as the page.
  #keep() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.entries));
    } catch {
      sessionStorage.removeItem(this.key);
    }
  }

  #show() {
    if (!this.entries.length) {
      this.place.replaceChildren();
      return;
    }
    const isOpen = this.place.querySelector("details")?.open ?? false;
    const clear = element("button", { type: "button" }, "Clear");
    clear.addEventListener("click", () => {
      this.entries = [];
      this.#keep();
      this.#show();
    });
    this.place.replaceChildren(element("details", { open: isOpen },
      element("summary", {}, `Asked in this tab (${this.entries.length})`),
      element("ol", {}, ...this.entries.map((entry) => this.#line(entry))), clear));
  }

  #line({ json, answer, ok, milliseconds, at }) {
    const time = new Date(at);
    const said = [
      element("time", { datetime: time.toISOString() }, time.toLocaleTimeString()), " ",
      element("strong", { class: ok ? undefined : "fault" }, answer), " ",
      element("span", { class: "hint" }, `${milliseconds.toFixed(1)} ms `),
    ];
    if (json === null) return element("li", {}, ...said);
    const again = element("button", { type: "button", title: "Fill the form with this" }, json);
    again.addEventListener("click", () => this.restore(json));
    return element("li", {}, ...said, again);
  }
}
