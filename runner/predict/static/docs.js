// Show openapi.json as a page in which each operation can be tried: one's own endpoints first, the
// protocols folded.
import { FORM_TYPE, JSON_TYPE, ask, boundsOf, code, described, element, resolved, show, showFailure, table, typeName } from "./asking.js";
import { rangeOf } from "./controls.js";
import { Form } from "./form.js";

const OWN = "predict";
const DEEPEST = 6;

function fieldsOf(caption, schema, openapi) {
  const [body] = resolved(schema, openapi);
  if (!body.properties) return element("p", {}, `${caption}: ${[typeName(schema, openapi), boundsOf(body)].filter(Boolean).join(", ")}`);
  const required = new Set(body.required ?? []);
  const rows = Object.entries(body.properties).map(([name, inner]) => {
    const [found] = resolved(inner, openapi);
    const range = found["x-training-range"];
    const words = [found.description ?? "", boundsOf(found), range && `trained on ${range[0]} to ${range[1]}`];
    if (found.default !== undefined) words.push(`else ${JSON.stringify(found.default)}`);
    return [element("code", {}, name), typeName(inner, openapi), required.has(name) ? "yes" : "no", words.filter(Boolean).join("; ")];
  });
  return table(caption, ["field", "type", "required", "about"], rows);
}

// Make a value as a schema describes it, to show the form of an answer.
function sampleOf(schema, openapi, depth = 0) {
  const [found] = resolved(schema, openapi);
  if (found.enum) return found.enum[0];
  if (found.examples?.length) return found.examples[0];
  if (depth > DEEPEST) return null;
  const option = found.anyOf?.[0] ?? found.oneOf?.[0];
  if (option) return sampleOf(option, openapi, depth + 1);
  if (found.properties) {
    const members = Object.entries(found.properties).map(([name, inner]) => [name, sampleOf(inner, openapi, depth + 1)]);
    return Object.fromEntries(members);
  }
  const type = Array.isArray(found.type) ? found.type[0] : found.type;
  if (type === "array") return [sampleOf(found.items, openapi, depth + 1)];
  return { object: {}, string: "text", integer: Math.round(middleOf(found, 1)), number: middleOf(found, 0.5), boolean: true }[type] ?? null;
}

function middleOf(schema, otherwise) {
  const range = rangeOf(schema);
  return range ? Number(((range[0] + range[1]) / 2).toPrecision(3)) : schema.minimum ?? otherwise;
}

function answerOf(operation, openapi) {
  const content = operation.responses?.["200"]?.content ?? {};
  let { schema } = content[JSON_TYPE] ?? {};
  if (!schema) return [];
  const [found] = resolved(schema, openapi);
  if (found.anyOf) [schema] = found.anyOf; // of one item; the other is of many
  if (!Object.keys(resolved(schema, openapi)[0]).length) return [];
  const sample = sampleOf(schema, openapi);
  const isOpen = sample === null || (typeof sample === "object" && !Object.keys(sample).length);
  const shown = isOpen ? [] : [element("p", { class: "caption" }, "An answer looks like this"), code(JSON.stringify(sample, null, 2))];
  return [fieldsOf("Answer", schema, openapi), ...shown];
}

function responsesOf(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, { description, content }]) => [
    status, description ?? "", Object.keys(content ?? {}).join(", "),
  ]);
  return element("details", { class: "statuses" }, element("summary", {}, "Statuses"),
    element("div", { class: "inside" }, table("What is answered when", ["status", "when", "content type"], rows)));
}

function urlOf(path) {
  return path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":") || ".";
}

function trial(method, path, operation, openapi, id) {
  const content = operation.requestBody?.content ?? {};
  const result = element("div", { class: "result", role: "status", "aria-live": "polite", "aria-label": "Answer" });
  const button = element("button", { type: "submit" }, "Send");
  const form = element("form", { novalidate: true }, button);
  let send;
  if (FORM_TYPE in content) {
    form.prepend(element("div", { class: "fields" }));
    const fields = new Form(form, operation, openapi, { id, href: urlOf(path) });
    send = () => fields.send();
  } else {
    const area = JSON_TYPE in content ? areaFor(content[JSON_TYPE], openapi, `${id}-body`) : undefined;
    if (area) form.prepend(element("label", { for: area.id }, "Body to send"), area);
    send = () => ask(method.toUpperCase(), urlOf(path), area?.value, area && JSON_TYPE);
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      show(result, await send());
    } catch (error) {
      showFailure(result, error);
    } finally {
      button.disabled = false;
    }
  });
  return [form, result];
}

function areaFor({ schema, example }, openapi, id) {
  const area = element("textarea", { id, spellcheck: "false" });
  area.value = JSON.stringify(example === undefined ? sampleOf(schema, openapi) : example, null, 2);
  area.rows = Math.min(area.value.split("\n").length + 1, 16);
  return area;
}

function operationOf(method, path, operation, openapi) {
  const id = operation.operationId ?? `${method}${path}`;
  const content = operation.requestBody?.content ?? {};
  const inside = element("div", { class: "inside" });
  if (operation.description) inside.append(element("p", {}, operation.description));
  const kind = FORM_TYPE in content ? FORM_TYPE : JSON_TYPE;
  if (kind in content) inside.append(fieldsOf(kind === FORM_TYPE ? "Form (multipart/form-data)" : "Body", content[kind].schema, openapi));
  const others = Object.keys(content).filter((each) => each !== kind);
  if (others.length) inside.append(element("p", { class: "hint" }, `Also: ${others.join(", ")}`));
  if (!Object.keys(content).length || kind in content) inside.append(...trial(method, path, operation, openapi, id));
  inside.append(...answerOf(operation, openapi), responsesOf(operation));
  const summary = element("summary", {},
    element("span", { class: "verb" }, method.toUpperCase()), " ", element("code", {}, path), " ",
    element("span", { class: "hint" }, operation.summary ?? ""));
  const made = element("details", { id, class: "operation", open: location.hash === `#${id}` }, summary, inside);
  const fields = Object.keys(resolved(content[kind]?.schema, openapi)[0].properties ?? {});
  made.sought = [method, path, operation.summary, operation.description, ...fields].join(" ").toLowerCase();
  return made;
}

function sectionOf(tag, openapi) {
  const operations = [];
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags?.includes(tag.name)) operations.push(operationOf(method, path, operation, openapi));
    }
  }
  if (tag.name === OWN) {
    return element("section", {}, element("h2", {}, "Endpoints"),
      element("p", { class: "description" }, tag.description ?? ""), ...operations);
  }
  const summary = element("summary", {}, element("strong", {}, tag.name), " ",
    element("span", { class: "hint" }, `${tag.description ?? ""} ${operations.length} paths.`));
  const isOpen = operations.some((each) => each.open);
  const folded = element("details", { class: "protocol", open: isOpen }, summary,
    element("div", { class: "inside" }, ...operations));
  for (const each of operations) each.sought += ` ${tag.name.toLowerCase()}`;
  return folded;
}

// Show the operations that have all words of what is sought, and unfold what holds them.
function offerSearch(main) {
  const search = document.querySelector("#search");
  const input = search.querySelector("input");
  const hits = search.querySelector("#hits");
  search.hidden = false;
  search.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...main.querySelectorAll(".operation")];
    for (const each of all) each.hidden = !words.every((word) => each.sought.includes(word));
    const shown = all.filter((each) => !each.hidden).length;
    for (const part of main.children) part.hidden = !part.querySelector(".operation:not([hidden])");
    for (const part of main.querySelectorAll(".protocol")) part.open = words.length > 0 && !part.hidden;
    hits.textContent = words.length ? `${shown} of ${all.length} paths` : "";
  });
}

const main = document.querySelector("#operations");
try {
  const openapi = await described();
  main.replaceChildren(...openapi.tags.map((tag) => sectionOf(tag, openapi)));
  const chosen = main.querySelector("details[open]") ?? main.querySelector("details");
  chosen?.setAttribute("open", "");
  if (location.hash && chosen) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  offerSearch(main);
} catch (error) {
  showFailure(main, error);
}
