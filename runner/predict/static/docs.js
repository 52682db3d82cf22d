// Show openapi.json as a page in which each operation can be tried.
import { ask, described, element, resolved, show, showFailure, typeName } from "./asking.js";

const JSON_TYPE = "application/json";

function table(caption, heads, rows) {
  const line = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  return element("div", { class: "scrolls" }, element("table", {},
    element("caption", {}, caption),
    element("thead", {}, line("th", heads)),
    element("tbody", {}, ...rows.map((row) => line("td", row)))));
}

function fieldsOf(schema, openapi) {
  const [body] = resolved(schema, openapi);
  if (!body.properties) return element("p", {}, `Body: ${typeName(schema, openapi)}`);
  const required = new Set(body.required ?? []);
  const rows = Object.entries(body.properties).map(([name, inner]) => [
    element("code", {}, name), typeName(inner, openapi), required.has(name) ? "yes" : "no", inner.description ?? "",
  ]);
  return table("Body", ["field", "type", "required", ""], rows);
}

function responsesOf(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, { description, content }]) => [
    status, description ?? "", Object.keys(content ?? {}).join(", "),
  ]);
  return table("Answers", ["status", "when", "content type"], rows);
}

function trial(method, path, operation, id) {
  const content = operation.requestBody?.content ?? {};
  const result = element("div", { class: "result", role: "status", "aria-live": "polite", "aria-label": "Answer" });
  const button = element("button", { type: "submit" }, "Send");
  const form = element("form", {}, button);
  let area;
  if (JSON_TYPE in content) {
    area = element("textarea", { id: `${id}-body`, spellcheck: "false" });
    const { example } = content[JSON_TYPE];
    area.value = example === undefined ? "{}" : JSON.stringify(example, null, 2);
    area.rows = Math.min(area.value.split("\n").length + 1, 16);
    form.prepend(element("label", { for: area.id }, "Body to send"), area);
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const url = path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":") || ".";
      show(result, await ask(method.toUpperCase(), url, area?.value, area && JSON_TYPE));
    } catch (error) {
      showFailure(result, error);
    } finally {
      button.disabled = false;
    }
  });
  return [form, result];
}

function operationOf(method, path, operation, openapi) {
  const id = operation.operationId ?? `${method}${path}`;
  const content = operation.requestBody?.content ?? {};
  const inside = element("div", { class: "inside" });
  if (operation.description) inside.append(element("p", {}, operation.description));
  if (JSON_TYPE in content) inside.append(fieldsOf(content[JSON_TYPE].schema, openapi));
  const others = Object.keys(content).filter((kind) => kind !== JSON_TYPE);
  if (others.length) inside.append(element("p", { class: "hint" }, `Also: ${others.join(", ")}`));
  if (!others.length || JSON_TYPE in content) inside.append(...trial(method, path, operation, id));
  inside.append(responsesOf(operation));
  const summary = element("summary", {},
    element("span", { class: "verb" }, method.toUpperCase()), " ", element("code", {}, path), " ",
    element("span", { class: "hint" }, operation.summary ?? ""));
  return element("details", { id, open: location.hash === `#${id}` }, summary, inside);
}

function sectionOf(tag, openapi) {
  const section = element("section", {}, element("h2", {}, tag.name));
  if (tag.description) section.append(element("p", { class: "description" }, tag.description));
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags?.includes(tag.name)) section.append(operationOf(method, path, operation, openapi));
    }
  }
  return section;
}

const main = document.querySelector("#operations");
try {
  const openapi = await described();
  main.replaceChildren(...openapi.tags.map((tag) => sectionOf(tag, openapi)));
  main.querySelector("details")?.setAttribute("open", "");
} catch (error) {
  showFailure(main, error);
}
