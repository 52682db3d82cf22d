// The request of a form as a command line, as Python and as JavaScript.
import { JSON_TYPE, element, hasKey } from "./asking.js";

const MOST_SHOWN = 4000;
const LANGUAGES = { curl: inShell, Python: inPython, JavaScript: inJavaScript };

export class Snippets {
  constructor(place, form) {
    this.form = form;
    this.code = place.querySelector("code");
    this.language = "curl";
    this.tabs = Object.keys(LANGUAGES).map((name) => element("button", { type: "button", role: "tab" }, name));
    const panel = place.querySelector("pre");
    panel.id = `${form.form.closest("section").id}-code`;
    panel.setAttribute("role", "tabpanel");
    for (const tab of this.tabs) {
      tab.setAttribute("aria-controls", panel.id);
      tab.addEventListener("click", () => this.#choose(tab));
    }
    const list = element("div", { role: "tablist", "aria-label": "Language" }, ...this.tabs);
    list.addEventListener("keydown", (event) => this.#move(event));
    panel.before(list);
    this.#offerCopy(place.querySelector(".copy"));
    this.#choose(this.tabs[0]);
  }

  #choose(chosen) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    this.language = chosen.textContent;
    this.show();
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
    this.#choose(next);
    next.focus();
  }

  async show() {
    const url = new URL(this.form.href, document.baseURI).href;
    try {
      this.code.textContent = LANGUAGES[this.language](url, await this.form.shownContent(), hasKey());
    } catch {
      // Half-typed; the last good lines stay.
    }
  }

  #offerCopy(button) {
    if (!navigator.clipboard) return; // only in a secure context
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.code.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function inShell(url, { json, parts }, isKeyed) {
  const key = isKeyed ? ' -H "x-api-key: $KEY"' : "";
  if (parts) {
    const words = parts.map(({ name, text, file }) => file
      ? `-F ${shellQuoted(`${name}=@${fileName(file)}`)}`
      : `--form-string ${shellQuoted(`${name}=${text}`)}`);
    return [`curl ${shellQuoted(url)}${key}`, ...words].join(" ");
  }
  const data = json.length > MOST_SHOWN ? "@body.json" : json;
  return `curl -X POST ${shellQuoted(url)} -H 'Content-Type: ${JSON_TYPE}'${key} -d ${shellQuoted(data)}`;
}

// curl takes a comma or a semicolon in a name for more than the name, unless it is quoted.
function fileName({ name }) {
  return /[,;"\\]/.test(name) ? `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : name;
}

// A string of JSON is one of Python's, but for the one escape that Python lacks.
function inPythonWords(json) {
  const words = { true: "True", false: "False", null: "None" };
  return json.replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (word) => words[word] ?? word.replace(/\\./g, (pair) => pair === "\\/" ? "/" : pair));
}

function inPython(url, { json, parts }, isKeyed) {
  const head = [isKeyed ? "import os\n\nimport requests\n" : "import requests\n"];
  const words = [JSON.stringify(url)];
  if (parts) {
    const fields = parts.filter(({ file }) => !file).map(({ name, text }) => `(${JSON.stringify(name)}, ${JSON.stringify(text)})`);
    const files = parts.filter(({ file }) => file)
      .map(({ name, file }) => `(${JSON.stringify(name)}, open(${JSON.stringify(file.name)}, "rb"))`);
    words.push(`files=[${files.join(", ")}]`);
    if (fields.length) words.push(`data=[${fields.join(", ")}]`);
  } else if (json.length > MOST_SHOWN) {
    words.push('data=open("body.json", "rb")', `headers={"content-type": "${JSON_TYPE}"}`);
  } else {
    words.push(`json=${inPythonWords(json)}`);
  }
  if (isKeyed) words.push('headers={"x-api-key": os.environ["KEY"]}');
  return [...head, "answer = requests.post(", ...words.map((word) => `    ${word},`), ")",
    "answer.raise_for_status()", "print(answer.json())"].join("\n");
}

function inJavaScript(url, { json, parts }, isKeyed) {
  const lines = [];
  const headers = isKeyed ? ['"x-api-key": key'] : [];
  let body = "body";
  if (parts) {
    lines.push("const body = new FormData();");
    lines.push(...parts.map(({ name, text, file }) => file
      ? `body.append(${JSON.stringify(name)}, file); // a File or a Blob: ${file.name.replace(/\s/g, " ")}`
      : `body.append(${JSON.stringify(name)}, ${JSON.stringify(text)});`));
  } else {
    headers.unshift(`"content-type": "${JSON_TYPE}"`);
    body = json.length > MOST_SHOWN ? "JSON.stringify(body)" : `JSON.stringify(${json.trim() || "null"})`;
  }
  const sent = body === "body" ? "body" : `body: ${body}`;
  lines.push(`const answer = await fetch(${JSON.stringify(url)}, {`, '  method: "POST",');
  if (headers.length) lines.push(`  headers: { ${headers.join(", ")} },`);
  lines.push(`  ${sent},`, "});", "console.log(await answer.json());");
  return lines.join("\n");
}
