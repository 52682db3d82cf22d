// Fill each endpoint's form with its example, send it, and show the answer.
import { ask, described, element, hasKey, isFile, parsed, resolved, shellQuoted, show, showFailure, typeName } from "./asking.js";

const JSON_TYPE = "application/json";
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const MOST_SHOWN = 4000;

class Field {
  constructor(name, schema, openapi, { id, example, isRequired }) {
    [this.schema] = resolved(schema, openapi);
    this.name = name;
    this.isRequired = isRequired;
    this.input = this.#made(id, example);
    this.fault = element("p", { class: "fault", id: `${id}-fault`, hidden: true });
    const hint = element("span", { class: "kind", id: `${id}-kind` });
    hint.textContent = typeName(schema, openapi) + (isRequired ? "" : ", optional");
    this.input.setAttribute("aria-describedby", `${hint.id} ${this.fault.id}`);
    const label = element("label", { for: id }, schema.title ?? name);
    this.whole = element("div", { class: "field" }, label, this.input, hint, this.fault);
    this.whole.classList.toggle("wide", this.input.tagName === "TEXTAREA");
  }

  #made(id, example) {
    const { schema } = this;
    const given = example ?? schema.default;
    const base = { id, name: this.name };
    if (schema.enum) {
      const made = element("select", base);
      if (!this.isRequired) made.append(element("option", { value: "" }, "—"));
      for (const value of schema.enum) {
        const text = JSON.stringify(value);
        made.append(element("option", { value: text, selected: value === given }, String(value)));
      }
      return made;
    }
    if (schema.type === "boolean") {
      const made = element("input", { ...base, type: "checkbox" });
      made.checked = given === true;
      return made;
    }
    if (schema.type === "number" || schema.type === "integer") {
      const step = schema.type === "integer" ? "1" : "any";
      const mode = schema.type === "integer" ? "numeric" : "decimal";
      const made = element("input", { ...base, type: "number", step, inputmode: mode });
      made.value = given ?? "";
      return made;
    }
    if (isFile(schema)) return element("input", { ...base, type: "file" });
    if (schema.type === "string") {
      const isLong = String(given ?? "").length > 80 || String(given ?? "").includes("\n");
      const made = element(isLong ? "textarea" : "input", isLong ? base : { ...base, type: "text" });
      made.value = given ?? "";
      return made;
    }
    const made = element("textarea", { ...base, spellcheck: "false" });
    made.value = given === undefined ? "" : JSON.stringify(given, null, 2);
    made.rows = Math.min(made.value.split("\n").length + 1, 16);
    return made;
  }

  // Give the value as JSON text; undefined if there is none. Numbers stay as they were typed.
  async text() {
    const { input, schema } = this;
    if (input.type === "checkbox") return String(input.checked);
    if (input.type === "file") return input.files.length ? JSON.stringify(await base64(input.files[0])) : undefined;
    if (input.type === "number") {
      if (input.validity.badInput) throw new FieldError(this, "expected a number");
      const typed = input.value.trim();
      if (typed === "") return undefined;
      return NUMBER.test(typed) ? typed : String(Number(typed));
    }
    if (schema.enum) return input.value === "" ? undefined : input.value;
    if (schema.type === "string") {
      return input.value === "" && !this.isRequired ? undefined : JSON.stringify(input.value);
    }
    if (input.value.trim() === "") return undefined;
    if (parsed(input.value) === undefined) throw new FieldError(this, "expected JSON");
    return input.value;
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

class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

class Form {
  constructor(section, operation, openapi) {
    this.section = section;
    this.form = section.querySelector("form");
    this.result = section.querySelector(".result");
    this.href = section.dataset.href;
    const content = operation?.requestBody?.content ?? {};
    this.isMultipart = !(JSON_TYPE in content) && "multipart/form-data" in content;
    const { schema, example } = content[JSON_TYPE] ?? content["multipart/form-data"] ?? {};
    this.fields = this.#fields(schema, example, openapi);
    section.querySelector(".fields").replaceChildren(...this.fields.map((field) => field.whole));
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.form.addEventListener("input", () => this.#showCurl());
    this.#offerCopy();
    this.#showCurl();
  }

  #fields(schema, example, openapi) {
    const [body] = resolved(schema, openapi);
    const { id } = this.section;
    this.isWhole = body.type !== "object" || !body.properties;
    if (this.isWhole) {
      return [new Field("body", schema ?? {}, openapi, { id: `${id}-0`, example, isRequired: true })];
    }
    const required = new Set(body.required ?? []);
    return Object.entries(body.properties).map(([name, inner], number) => new Field(
      name, inner, openapi,
      { id: `${id}-${number}`, example: example?.[name], isRequired: required.has(name) },
    ));
  }

  async #text() {
    if (this.isWhole) return (await this.fields[0].text()) ?? "";
    const parts = [];
    for (const field of this.fields) {
      const text = await field.text();
      if (text !== undefined) parts.push(`${JSON.stringify(field.name)}: ${text}`);
    }
    return `{${parts.join(", ")}}`;
  }

  #multipart() {
    const body = new FormData();
    for (const { name, input } of this.fields) {
      if (input.type === "file") {
        if (input.files.length) body.append(name, input.files[0]);
      } else if (input.type === "checkbox") body.append(name, String(input.checked));
      else if (input.value !== "") body.append(name, input.value);
    }
    return body;
  }

  async #submit(event) {
    event.preventDefault();
    const button = this.form.querySelector("button");
    for (const field of this.fields) field.calm();
    this.result.replaceChildren();
    button.disabled = true;
    try {
      const said = this.isMultipart
        ? await ask("POST", this.href, this.#multipart())
        : await ask("POST", this.href, await this.#text(), JSON_TYPE);
      show(this.result, said);
      this.#showCurl();
      if (!said.ok) this.#complain(parsed(said.text));
    } catch (error) {
      if (error instanceof FieldError) error.field.complain(error.message);
      else showFailure(this.result, error);
    } finally {
      button.disabled = false;
      this.form.querySelector("[aria-invalid=true]")?.focus();
    }
  }

  #complain(problem) {
    for (const { field: pointer, detail } of problem?.errors ?? []) {
      const name = String(pointer).split("/")[1]?.replaceAll("~1", "/").replaceAll("~0", "~");
      const field = this.isWhole ? this.fields[0] : this.fields.find((each) => each.name === name);
      field?.complain(String(detail));
    }
  }

  async #showCurl() {
    const url = new URL(this.href, document.baseURI).href;
    const place = this.section.querySelector(".curl code");
    const key = hasKey() ? ' -H "x-api-key: $KEY"' : "";
    if (this.isMultipart) {
      const parts = this.fields.map(({ name, input }) => {
        const value = input.type === "file" ? `@${input.files[0]?.name ?? "FILE"}` : input.value;
        return `-F ${shellQuoted(`${name}=${value}`)}`;
      });
      place.textContent = `curl ${shellQuoted(url)}${key} ${parts.join(" ")}`;
      return;
    }
    let body;
    try {
      body = await this.#text();
    } catch {
      return; // half-typed; the last good line stays
    }
    const data = body.length > MOST_SHOWN ? "@body.json" : body;
    place.textContent = `curl -X POST ${shellQuoted(url)} -H 'Content-Type: ${JSON_TYPE}'${key} -d ${shellQuoted(data)}`;
  }

  #offerCopy() {
    const button = this.section.querySelector(".copy");
    if (!navigator.clipboard) return; // only in a secure context
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.section.querySelector(".curl code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

try {
  const openapi = await described();
  for (const section of document.querySelectorAll("section[data-path]")) {
    new Form(section, openapi.paths[section.dataset.path]?.post, openapi);
  }
} catch (error) {
  for (const place of document.querySelectorAll(".result")) showFailure(place, error);
}
