// By what each kind of value is given: a number with a slider, a choice, a date, a file …
// A control has `input` (what is labelled), `parts` (what is shown), `set(value)` and `text()`,
// which gives the value as JSON text, undefined if there is none. Numbers stay as they were typed.
import { element, isFile, parsed } from "./asking.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;
const RANGE = "x-training-range";
const MOMENTS = { date: "date", "date-time": "datetime-local", time: "time" };
const SLIDER_STEPS = 100;

export function controlFor(schema, base, isRequired, isAlone) {
  if (schema.enum || "const" in schema) return new ChoiceControl(schema, base, isRequired);
  if (schema.type === "boolean") return new BooleanControl(base);
  if (schema.type === "number" || schema.type === "integer") return new NumberControl(schema, base);
  if (isFile(schema)) return new FileControl(base, false);
  if (schema.type === "array" && isFile(schema.items)) return new FileControl(base, true);
  if (schema.type === "string" && schema.format in MOMENTS) return new MomentControl(schema.format, base);
  if (schema.type === "string") return new TextControl(base, isRequired, isAlone || schema.maxLength > 200);
  return new JsonControl(base);
}

// Between which numbers a slider goes; undefined if nobody has said.
export function rangeOf(schema) {
  const known = schema[RANGE] ?? [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  return known.every(Number.isFinite) && known[0] < known[1] ? known : undefined;
}

export function trainingRange(schema) {
  return schema[RANGE];
}

class NumberControl {
  constructor(schema, base) {
    const isInteger = schema.type === "integer";
    const range = rangeOf(schema);
    const step = range ? stepOf(range, isInteger) : isInteger ? 1 : "any";
    this.input = element("input", { ...base, type: "number", step, inputmode: isInteger ? "numeric" : "decimal" });
    this.parts = [this.input];
    if (!range) return;
    this.least = rounded(Math.ceil(range[0] / step - 1e-9) * step);
    const most = rounded(Math.floor(range[1] / step + 1e-9) * step);
    this.middle = rounded(Math.round((this.least + most) / 2 / step) * step);
    // The number beside it does the same by keys, and has the name.
    this.slider = element("input", { type: "range", min: this.least, max: most, step, tabindex: "-1", "aria-hidden": "true" });
    this.parts.push(this.slider);
    this.slider.addEventListener("input", () => { this.input.value = this.slider.value; });
    this.input.addEventListener("input", () => this.#slide());
  }

  set(value) {
    this.input.value = value ?? "";
    this.#slide();
  }

  #slide() {
    if (this.slider) this.slider.value = this.input.value === "" ? this.least : this.input.value;
  }

  text() {
    if (this.input.validity.badInput) throw new Error("expected a number");
    const typed = this.input.value.trim();
    if (typed === "") return undefined;
    return NUMBER.test(typed) ? typed : String(Number(typed));
  }
}

// 1, 2 or 5 of a decimal place, so that a slider has about a hundred steps.
function stepOf([low, high], isInteger) {
  const wanted = (high - low) / SLIDER_STEPS;
  const unit = 10 ** Math.floor(Math.log10(wanted));
  const step = rounded(unit * ([1, 2, 5].find((each) => unit * each >= wanted * 0.999) ?? 10));
  return isInteger ? Math.max(1, Math.round(step)) : step;
}

function rounded(number) {
  return Number(number.toPrecision(12));
}

class ChoiceControl {
  constructor(schema, base, isRequired) {
    const choices = schema.enum ?? [schema.const];
    const options = choices.map((value) => element("option", { value: JSON.stringify(value) }, String(value)));
    if (!isRequired) options.unshift(element("option", { value: "" }, "—"));
    this.input = element("select", base, ...options);
    this.parts = [this.input];
  }

  set(value) {
    const text = value === undefined ? "" : JSON.stringify(value);
    const known = [...this.input.options].some((option) => option.value === text);
    this.input.value = known ? text : this.input.options[0]?.value ?? "";
  }

  text() {
    return this.input.value === "" ? undefined : this.input.value;
  }
}

class BooleanControl {
  constructor(base) {
    this.input = element("input", { ...base, type: "checkbox" });
    this.parts = [this.input];
  }

  set(value) {
    this.input.checked = value === true;
  }

  text() {
    return String(this.input.checked);
  }
}

class TextControl {
  constructor(base, isRequired, isLong) {
    this.isRequired = isRequired;
    this.input = isLong ? element("textarea", { ...base, class: "prose", rows: 3 }) : element("input", { ...base, type: "text" });
    this.parts = [this.input];
  }

  set(value) {
    this.input.value = value ?? "";
  }

  text() {
    return this.input.value === "" && !this.isRequired ? undefined : JSON.stringify(this.input.value);
  }
}

class MomentControl {
  constructor(format, base) {
    this.format = format;
    this.input = element("input", { ...base, type: MOMENTS[format], step: format === "date" ? "any" : "1" });
    this.parts = [this.input];
    if (format !== "date-time") return;
    this.zone = element("select", {}, element("option", { value: "" }, "no zone"), element("option", { value: "Z" }, "UTC"));
    this.#offer(ownZone());
    this.parts.push(element("label", { class: "zone" }, "time zone ", this.zone));
  }

  #offer(zone) {
    if (![...this.zone.options].some((option) => option.value === zone)) {
      this.zone.append(element("option", { value: zone }, zone));
    }
  }

  // What no picker can hold, such as a date before the year 1, is given as text.
  set(value) {
    let text = value ?? "";
    const zone = this.zone ? ZONE.exec(text)?.[0] ?? "" : "";
    if (this.zone) {
      this.#offer(zone);
      this.zone.value = zone;
      text = text.slice(0, text.length - zone.length).replace(" ", "T");
    }
    if (text.includes(".")) this.input.step = "0.001";
    this.input.value = text.replace(/(\.\d{3})\d+$/, "$1");
    if (text && !this.input.value) {
      this.input.type = "text";
      this.input.value = text;
    }
  }

  text() {
    const given = this.input.value;
    if (this.input.validity.badInput) throw new Error("expected a whole date");
    if (given === "") return undefined;
    const lacksSeconds = this.format !== "date" && /(^|T)\d\d:\d\d$/.test(given);
    return JSON.stringify(`${given}${lacksSeconds ? ":00" : ""}${this.zone?.value ?? ""}`);
  }
}

function ownZone() {
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return "Z";
  const two = (number) => String(number).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export class FileControl {
  constructor(base, isMany) {
    this.isMany = isMany;
    this.input = element("input", { ...base, type: "file", multiple: isMany });
    this.preview = element("div", { class: "preview" });
    this.parts = [this.input, this.preview];
    this.input.addEventListener("change", () => this.#show());
  }

  get files() {
    return [...this.input.files];
  }

  // A file of an example is base64; what is no such thing leaves the control empty.
  set(value) {
    const given = new DataTransfer();
    for (const each of [value].flat()) {
      const bytes = typeof each === "string" ? bytesOf(each) : undefined;
      if (bytes) given.items.add(new File([bytes], "example", { type: typeOf(bytes) }));
    }
    this.input.files = given.files;
    this.#show();
  }

  async #show() {
    const pictures = this.files.filter((file) => /^image\/(?!svg)/.test(file.type) && file.size < 10_000_000);
    const urls = await Promise.all(pictures.slice(0, 6).map(dataUrl));
    this.preview.replaceChildren(...urls.map((src) => element("img", { src, alt: "" })));
  }

  async text() {
    const texts = await Promise.all(this.files.map(async (file) => (await dataUrl(file)).split(",")[1] ?? ""));
    if (this.isMany) return JSON.stringify(texts);
    return texts.length ? JSON.stringify(texts[0]) : undefined;
  }
}

function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

// Tell pictures by their first bytes, so that an example is shown.
function typeOf(bytes) {
  const head = String.fromCharCode(...bytes.slice(0, 12));
  if (head.startsWith("\x89PNG")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("GIF8")) return "image/gif";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "image/webp" : "";
}

export function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

class JsonControl {
  constructor(base) {
    this.input = element("textarea", { ...base, spellcheck: "false" });
    this.parts = [this.input];
  }

  set(value) {
    this.input.value = value === undefined ? "" : JSON.stringify(value, null, 2);
    this.input.rows = Math.min(this.input.value.split("\n").length + 1, 16);
  }

  text() {
    if (this.input.value.trim() === "") return undefined;
    if (parsed(this.input.value) === undefined) throw new Error("expected JSON");
    return this.input.value;
  }
}
