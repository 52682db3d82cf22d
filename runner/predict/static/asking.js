// What both pages do: read openapi.json, ask the service, show what it says.
// Names and texts come from a notebook and are not to be trusted: they go into the page by
// textContent and setAttribute only, never as HTML.

import { element, reached } from "./key.js";

export { element, hasKey } from "./key.js";

export async function described() {
  const answer = await reached("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json was answered with ${answer.status}`);
  return answer.json();
}

// Follow references; of a choice with null give the other, and say that null is allowed.
export function resolved(schema, openapi) {
  let found = schema ?? {};
  let isNullable = false;
  for (let depth = 0; depth < 20; depth += 1) {
    if (typeof found.$ref === "string") {
      const steps = found.$ref.replace(/^#\//, "").split("/");
      found = steps.reduce((at, step) => at?.[step.replace(/~1/g, "/").replace(/~0/g, "~")], openapi) ?? {};
    } else if (Array.isArray(found.anyOf) && found.anyOf.some((option) => option.type === "null")) {
      isNullable = true;
      const others = found.anyOf.filter((option) => option.type !== "null");
      if (others.length !== 1) return [found, isNullable];
      found = { ...found, ...others[0], anyOf: undefined };
    } else {
      break;
    }
  }
  return [found, isNullable];
}

export function typeName(schema, openapi) {
  const [found, isNullable] = resolved(schema, openapi);
  const others = found.anyOf?.filter((option) => option.type !== "null");
  let name = others ? either(others, openapi) : found.type ?? "any";
  if (found.enum) name = found.enum.map((value) => JSON.stringify(value)).join(" | ");
  else if (found.type === "array") name = `array of ${typeName(found.items, openapi)}`;
  else if (isFile(found)) name = "file";
  return isNullable ? `${name} or null` : name;
}

// An integer is a number, too.
function either(options, openapi) {
  const names = new Set(options.map((option) => typeName(option, openapi)));
  if (names.has("number")) names.delete("integer");
  return [...names].join(" or ");
}

export function isFile(schema) {
  return schema.format === "binary" || schema.contentEncoding === "base64"
    || (schema.contentMediaType !== undefined && schema.contentMediaType !== "application/json");
}

export function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export async function ask(method, url, body, contentType) {
  const headers = contentType ? { "content-type": contentType } : {};
  const began = performance.now();
  const answer = await reached(url, { method, headers, body, cache: "no-store" });
  const text = await answer.text();
  return {
    ok: answer.ok,
    status: answer.status,
    reason: answer.statusText,
    milliseconds: performance.now() - began,
    timing: answer.headers.get("server-timing") ?? "",
    kind: answer.headers.get("content-type") ?? "",
    text,
  };
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function show(place, said) {
  const server = said.timing.replaceAll(";dur=", " ").replaceAll(",", " ms,");
  const note = server ? ` (server: ${server} ms)` : "";
  const status = `${said.status} ${said.reason} in ${said.milliseconds.toFixed(1)} ms${note}`;
  const value = said.kind.includes("json") ? parsed(said.text) : undefined;
  const text = value === undefined ? said.text : JSON.stringify(value, null, 2);
  place.className = `result ${said.ok ? "good" : "bad"}`;
  place.replaceChildren(
    element("p", { class: "status" }, status.trim()),
    element("pre", { tabindex: "0" }, element("code", {}, text)),
  );
}

export function showFailure(place, error) {
  place.className = "result bad";
  place.replaceChildren(element("p", { class: "status" }, `The service was not reached: ${error.message}`));
}
