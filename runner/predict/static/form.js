// The form of an endpoint: its fields, what they send, and what is wrong with them.
import { FORM_TYPE, JSON_TYPE, ask, boundsOf, element, parsed, resolved, typeName } from "./asking.js";
import { FileControl, controlFor, trainingRange } from "./controls.js";

export class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

class Field {
  constructor(name, schema, openapi, { id, example, isRequired, isAlone = false }) {
    const [found, isNullable] = resolved(schema, openapi);
    this.name = name;
    this.isRequired = isRequired;
    this.isText = found.type === "string";
    this.control = controlFor(found, { id, name }, isRequired, isAlone);
    this.input = this.control.input;
    this.isFile = this.control instanceof FileControl;
    this.fault = element("p", { class: "fault", id: `${id}-fault`, hidden: true });
    const hint = element("p", { class: "kind", id: `${id}-kind` }, hintOf(schema, found, openapi, isRequired));
    this.input.setAttribute("aria-describedby", `${hint.id} ${this.fault.id}`);
    const head = element("div", { class: "head" }, element("label", { for: id }, found.title ?? name));
    if (isNullable && !this.isFile) head.append(this.#nullSwitch(name));
    this.whole = element("div", { class: "field" }, head, ...this.control.parts, hint, this.fault);
    if (found.description) this.fault.before(element("p", { class: "about" }, found.description));
    this.range = trainingRange(found);
    if (this.range) {
      this.warning = element("p", { class: "outside", hidden: true }, `outside of what it was trained on: ${this.range.join(" to ")}`);
      this.fault.before(this.warning);
    }
    this.whole.classList.toggle("wide", isAlone || this.input.tagName === "TEXTAREA");
    this.whole.addEventListener("input", (event) => this.#noteInput(event));
    const usual = found.default === undefined && isRequired ? this.control.middle : found.default;
    this.set(example === undefined ? usual : example);
  }

  #nullSwitch(name) {
    this.null = element("input", { type: "checkbox", role: "switch", "aria-label": `${name}: null` });
    return element("label", { class: "null" }, this.null, " null");
  }

  #noteInput(event) {
    if (this.null && event.target !== this.null) this.null.checked = false;
    this.#show();
  }

  #show() {
    this.whole.classList.toggle("is-null", this.isNull);
    if (!this.range) return;
    const number = this.input.value === "" ? NaN : Number(this.input.value);
    this.warning.hidden = this.isNull || !(number < this.range[0] || number > this.range[1]);
  }

  get isNull() {
    return this.null?.checked ?? false;
  }

  set(value) {
    this.control.set(value ?? undefined);
    if (this.null) this.null.checked = value === null;
    this.#show();
  }

  // Give the value as JSON text; undefined if there is none.
  async text() {
    if (this.isNull) return "null";
    try {
      return await this.control.text();
    } catch (error) {
      throw new FieldError(this, error.message);
    }
  }

  complain(text) {
    this.fault.textContent = this.fault.textContent ? `${this.fault.textContent}; ${text}` : text;
    this.fault.hidden = false;
    this.input.setAttribute("aria-invalid", "true");
  }

  calm() {
    this.fault.textContent = "";
    this.fault.hidden = true;
    this.input.removeAttribute("aria-invalid");
  }
}

function hintOf(schema, found, openapi, isRequired) {
  const range = trainingRange(found);
  const trained = range ? `${range[0]} to ${range[1]} in training` : "";
  const words = [found.enum ? "" : typeName(schema, openapi), boundsOf(found), trained, isRequired ? "" : "optional"];
  return words.filter(Boolean).join(", ");
}

// Of a choice of forms of one text give the plain one.
function plainest(schema, example, openapi) {
  const [found] = resolved(schema, openapi);
  const text = found.anyOf?.find((option) => option.type === "string");
  return text && typeof example === "string" ? text : schema;
}

export class Form {
  // `form` is an element with a place for the fields and a button to submit it.
  constructor(form, operation, openapi, { id, href }) {
    this.form = form;
    this.href = href;
    const content = operation?.requestBody?.content ?? {};
    this.takesFiles = FORM_TYPE in content;
    this.takesJson = JSON_TYPE in content;
    const { example } = content[JSON_TYPE] ?? {};
    const { schema } = content[FORM_TYPE] ?? content[JSON_TYPE] ?? {};
    this.fields = this.#fields(schema ?? {}, example, openapi, id);
    form.querySelector(".fields").replaceChildren(...this.fields.map((field) => field.whole));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }

  #fields(schema, example, openapi, id) {
    const [body] = resolved(schema, openapi);
    this.isWhole = body.type !== "object" || !body.properties;
    if (this.isWhole) {
      const plain = plainest(schema, example, openapi);
      return [new Field("body", plain, openapi, { id: `${id}-0`, example, isRequired: true, isAlone: true })];
    }
    const required = new Set(body.required ?? []);
    const names = Object.keys(body.properties);
    return names.map((name, number) => new Field(name, body.properties[name], openapi, {
      id: `${id}-${number}`,
      example: example?.[name],
      isRequired: required.has(name),
      isAlone: names.length === 1,
    }));
  }

  // Give what is to be sent: `json`, or `parts` of a form, each with a name, and a text or a file.
  async content() {
    const isForm = this.takesFiles && (!this.takesJson || this.fields.some((field) => field.isFile && field.control.files.length));
    return isForm ? { parts: await this.#parts() } : { json: await this.#json() };
  }

  // Give the same for who is to send it elsewhere, with a name for each file that is to be chosen.
  async shownContent() {
    if (!this.takesFiles) return this.content();
    const absent = this.fields.filter((field) => field.isFile && field.isRequired && !field.control.files.length);
    return { parts: [...absent.map(({ name }) => ({ name, file: { name: "FILE" } })), ...await this.#parts()] };
  }

  async #json() {
    if (this.isWhole) return (await this.fields[0].text()) ?? "";
    const members = [];
    for (const field of this.fields) {
      const text = await field.text();
      if (text !== undefined) members.push(`${JSON.stringify(field.name)}: ${text}`);
    }
    return `{${members.join(", ")}}`;
  }

  async #parts() {
    const parts = [];
    for (const field of this.fields) {
      if (field.isFile) {
        parts.push(...field.control.files.map((file) => ({ name: field.name, file })));
        continue;
      }
      const text = await field.text();
      if (text === undefined || (text === "null" && field.isText)) continue;
      parts.push({ name: field.name, text: text === "null" ? "" : field.isText ? JSON.parse(text) : text });
    }
    return parts;
  }

  async send() {
    const { json, parts } = await this.content();
    if (parts === undefined) return ask("POST", this.href, json, JSON_TYPE);
    const body = new FormData();
    for (const { name, text, file } of parts) body.append(name, file ?? text);
    return ask("POST", this.href, body);
  }

  calm() {
    for (const field of this.fields) field.calm();
  }

  // Say beside each field what the service has against it.
  complain(problem) {
    for (const { field: pointer, detail } of problem?.errors ?? []) {
      const name = String(pointer).split("/")[1]?.replaceAll("~1", "/").replaceAll("~0", "~");
      const field = this.isWhole ? this.fields[0] : this.fields.find((each) => each.name === name);
      field?.complain(String(detail));
    }
  }

  focusOnFault() {
    this.form.querySelector("[aria-invalid=true]")?.focus();
  }

  // Take what was sent before; files have to be chosen anew.
  restore(json) {
    const value = parsed(json);
    for (const field of this.fields) {
      if (!field.isFile) field.set(this.isWhole ? value : value?.[field.name]);
    }
    this.form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Whether a row of a table could hold all that is asked for.
  get isFlat() {
    return !this.takesFiles && this.takesJson && !this.isWhole
      && this.fields.every((field) => field.input.tagName !== "TEXTAREA" || field.isText);
  }
}
