// What both pages do: read openapi.json, ask the service, show what it says.
// Names and texts come from a notebook and are not to be trusted: they go into the page by
// textContent and setAttribute only, never as HTML.

import { element, reached } from "./key.js";

export { element, hasKey } from "./key.js";

export const JSON_TYPE = "application/json";
export const FORM_TYPE = "multipart/form-data";
const MOST_NESTED = 20;

export async function described() {
  const answer = await reached("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json was answered with ${answer.status}`);
  return answer.json();
}

// Follow references; of a choice with null give the other, and say that null is allowed.
export function resolved(schema, openapi) {
  let found = schema ?? {};
  let isNullable = false;
  for (let depth = 0; depth < MOST_NESTED; depth += 1) {
    if (typeof found.$ref === "string") {
      const { $ref, ...about } = found;
      const steps = $ref.replace(/^#\//, "").split("/");
      const target = steps.reduce((at, step) => at?.[step.replace(/~1/g, "/").replace(/~0/g, "~")], openapi) ?? {};
      found = { ...target, ...about };
    } else if (Array.isArray(found.anyOf) && found.anyOf.some((option) => option.type === "null")) {
      isNullable = true;
      const { anyOf, ...about } = found;
      const others = anyOf.filter((option) => option.type !== "null");
      if (others.length !== 1) return [found, isNullable];
      found = { ...others[0], ...about };
    } else if (Array.isArray(found.allOf) && found.allOf.length === 1) {
      const { allOf, ...about } = found;
      found = { ...allOf[0], ...about };
    } else {
      break;
    }
  }
  return [found, isNullable];
}

export function typeName(schema, openapi, depth = 0) {
  const [found, isNullable] = resolved(schema, openapi);
  const others = found.anyOf?.filter((option) => option.type !== "null");
  let name = others ? either(others, openapi, depth) : [found.type ?? "any"].flat().join(" or ");
  if (found.enum) name = found.enum.map((value) => JSON.stringify(value)).join(" | ");
  else if (isFile(found)) name = "file";
  else if (found.type === "array" && depth < MOST_NESTED) name = `array of ${typeName(found.items, openapi, depth + 1)}`;
  else if (found.type === "string" && found.format) name = `${found.format} as a string`;
  return isNullable ? `${name} or null` : name;
}

// An integer is a number, too.
function either(options, openapi, depth) {
  const names = new Set(options.map((option) => typeName(option, openapi, depth)));
  if (names.has("number")) names.delete("integer");
  return [...names].join(" or ");
}

export function isFile(schema) {
  return schema?.format === "binary" || schema?.contentEncoding === "base64";
}

// Say in words what a schema asks for besides the type.
export function boundsOf(schema) {
  const signs = [["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"]];
  const found = signs.filter(([word]) => typeof schema[word] === "number").map(([word, sign]) => `${sign} ${schema[word]}`);
  if (schema.multipleOf !== undefined) found.push(`a multiple of ${schema.multipleOf}`);
  const size = schema.type === "array" ? ["minItems", "maxItems", "items"] : ["minLength", "maxLength", "characters"];
  const [least, most] = [schema[size[0]], schema[size[1]]];
  if (least !== undefined && least === most) found.push(`${least} ${size[2]}`);
  else if (least && most) found.push(`${least} to ${most} ${size[2]}`);
  else if (least) found.push(`at least ${least} ${size[2]}`);
  else if (most !== undefined) found.push(`at most ${most} ${size[2]}`);
  if (schema.pattern !== undefined) found.push(`as ${schema.pattern}`);
  return found.join(", ");
}

export async function ask(method, url, body, contentType, more = {}) {
  const headers = { ...(contentType ? { "content-type": contentType } : {}), ...more.headers };
  const began = performance.now();
  const answer = await reached(url, { method, body, cache: "no-store", ...more, headers });
  const blob = await answer.blob();
  const milliseconds = performance.now() - began;
  const kind = answer.headers.get("content-type") ?? "";
  const isText = /^(text\/|application\/(?:[\w.+-]*\+)?(json|xml)|application\/x-ndjson|$)/i.test(kind);
  return {
    ok: answer.ok,
    status: answer.status,
    reason: answer.statusText,
    milliseconds,
    timing: answer.headers.get("server-timing") ?? "",
    retryAfter: Number(answer.headers.get("retry-after")) || 0,
    kind,
    blob,
    text: isText ? await blob.text() : "",
  };
}

export function parsed(text, reviver) {
  try {
    return JSON.parse(text, reviver);
  } catch {
    return undefined;
  }
}

// Read JSON for who looks at it: an integer that JavaScript would round is the text of its digits,
// where the browser tells them.
export function parsedExactly(text) {
  const exact = (key, value, said) => Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(said?.source) ? said.source : value;
  return parsed(text, exact);
}

export function statusOf(said) {
  const server = said.timing.replaceAll(";dur=", " ").replaceAll(",", " ms,");
  const note = server ? ` (server: ${server} ms)` : "";
  return `${said.status} ${said.reason} in ${said.milliseconds.toFixed(1)} ms${note}`.trim();
}

// Write what was said as it is, JSON with line breaks; numbers that JavaScript would round stay.
export function written(said) {
  const isExact = !/(^|[^.\d])\d{16,}(?![\d.])/.test(said.text);
  const value = said.kind.includes("json") && isExact ? parsed(said.text) : undefined;
  return value === undefined ? said.text : JSON.stringify(value, null, 2);
}

export function code(text) {
  return element("pre", { tabindex: "0" }, element("code", {}, text));
}

export function show(place, said) {
  place.className = `result ${said.ok ? "good" : "bad"}`;
  place.replaceChildren(element("p", { class: "status" }, statusOf(said)), code(written(said)));
}

export function showFailure(place, error) {
  place.className = "result bad";
  place.replaceChildren(element("p", { class: "status" }, `The service was not reached: ${error.message}`));
}

// A table whose head and cells are texts or elements.
export function table(caption, heads, rows) {
  const line = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  return element("div", { class: "scrolls" }, element("table", {},
    element("caption", {}, caption),
    element("thead", {}, line("th", heads)),
    element("tbody", {}, ...rows.map((row) => line("td", row)))));
}
