// Have each row of a CSV predicted, and give the table back with the answers.
import { ask, element, parsed, parsedExactly, table } from "./asking.js";
import { csvLine, decoded, harmless, readCsv, separatorOf } from "./csv.js";

const MOST_BYTES = 20_000_000;
const MOST_ROWS = 200_000;
const MOST_SHOWN = 50;
const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 500_000;
const MOST_TRIES = 5; // while the service is busy
const MOST_WAIT = 10; // seconds
const DECIMAL_COMMA = /^-?\d+,\d+$/;

export class Rows {
  constructor(place, form) {
    this.place = place;
    this.form = form;
    this.names = form.fields.map((field) => field.name);
    this.job = null;
    const id = `${form.form.closest("section").id}-csv`;
    this.input = element("input", { type: "file", id, accept: ".csv,.tsv,text/csv,text/tab-separated-values" });
    this.input.addEventListener("change", () => this.input.files.length && this.take(this.input.files[0]));
    this.cancel = element("button", { type: "button", hidden: true }, "Stop");
    this.cancel.addEventListener("click", () => this.#stop());
    this.progress = element("progress", { hidden: true, "aria-label": "Rows that are answered" });
    this.said = element("p", { class: "said", role: "status", "aria-live": "polite" });
    this.found = element("div", {});
    place.replaceChildren(element("details", { open: false },
      element("summary", {}, "Many rows: drop a CSV"),
      element("div", { class: "drop" },
        element("label", { for: id }, "Drop a CSV anywhere on this page, or choose one"), this.input,
        element("p", { class: "kind" }, `Its first line names the columns: ${this.names.join(", ")}. Others are kept, and not sent.`)),
      this.progress, this.cancel, this.said, this.found));
    this.details = place.querySelector("details");
  }

  async take(file) {
    this.details.open = true;
    const job = { isOver: () => this.job !== job };
    this.job = job;
    this.found.replaceChildren();
    this.said.classList.remove("fault");
    try {
      const [head, rows, separator] = await this.#read(file);
      const started = performance.now();
      const answers = await this.#answers(head, rows, separator, job);
      if (job.isOver()) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      this.#show(file, head, rows, answers, `${rows.length} rows in ${seconds} s`);
    } catch (error) {
      if (job.isOver()) return;
      this.said.textContent = `${file.name}: ${error.message}`;
      this.said.classList.add("fault");
    }
    this.input.value = "";
    this.progress.hidden = this.cancel.hidden = true;
  }

  #stop() {
    this.job = null;
    this.input.value = "";
    this.progress.hidden = this.cancel.hidden = true;
    this.said.textContent = `Stopped: ${this.said.textContent}`;
  }

  async #read(file) {
    if (file.size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES / 1e6} MB; send it in parts`);
    const text = decoded(new Uint8Array(await file.arrayBuffer()));
    const separator = separatorOf(text);
    const [head, ...rows] = readCsv(text, separator);
    if (!rows.length) throw new Error("it has no rows below a line of names");
    if (rows.length > MOST_ROWS) throw new Error(`it has more than ${MOST_ROWS} rows; send it in parts`);
    const absent = this.form.fields.filter((field) => field.isRequired && !head.includes(field.name));
    if (absent.length) throw new Error(`there is no column ${absent.map(({ name }) => name).join(", ")}`);
    const odd = rows.findIndex((row) => row.length !== head.length);
    if (odd >= 0) throw new Error(`row ${odd + 1} has ${rows[odd].length} values, and there are ${head.length} columns`);
    return [head, rows, separator];
  }

  // Send the columns that the endpoint knows, so many rows at a time. Where commas separate nothing,
  // they may stand in numbers.
  async #answers(head, rows, separator, job) {
    const sent = head.map((name, place) => [name, place]).filter(([name]) => this.names.includes(name));
    const numbers = new Set(this.form.fields.filter(({ input }) => input.type === "number").map(({ name }) => name));
    const cell = (text, name) => separator !== "," && numbers.has(name) && DECIMAL_COMMA.test(text) ? text.replace(",", ".") : text;
    const lines = rows.map((row) => csvLine(sent.map(([name, place]) => cell(row[place], name))));
    const names = csvLine(sent.map(([name]) => name));
    const answers = [];
    let most = ROWS_AT_ONCE;
    [this.progress.max, this.progress.value] = [lines.length, 0];
    this.progress.hidden = this.cancel.hidden = false;
    while (answers.length < lines.length) {
      const part = partOf(lines, answers.length, most);
      const said = await this.#said(names + part.join(""));
      if (job.isOver()) return answers;
      if (said.status === 413 && part.length > 1) {
        most = Math.ceil(part.length / 2);
        continue;
      }
      if (!said.ok) throw new Error(parsed(said.text)?.detail ?? `${said.status} ${said.reason}`);
      const found = said.text.trim().split("\n").map(parsedExactly);
      if (found.length !== part.length) throw new Error("not every row was answered");
      answers.push(...found);
      this.progress.value = answers.length;
      this.said.textContent = `${answers.length} of ${lines.length} rows`;
    }
    return answers;
  }

  async #said(body) {
    for (let tried = 1; ; tried += 1) {
      const said = await ask("POST", this.form.href, body, "text/csv", { headers: { accept: "application/x-ndjson" } });
      if (![429, 503].includes(said.status) || tried === MOST_TRIES) return said;
      const seconds = Math.min(said.retryAfter || 1, MOST_WAIT);
      await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    }
  }

  #show(file, head, rows, answers, text) {
    const flat = answers.map(flattened);
    const names = [...new Set(flat.flatMap((each) => Object.keys(each)))];
    const shown = names.map((name) => head.includes(name) ? `answer.${name}` : name);
    const cells = (number) => [...names.map((name) => flat[number][name]), ...rows[number]];
    const failed = answers.filter(isProblem).length;
    this.said.textContent = text + (failed ? `; ${failed} of them could not be answered: see "error"` : "");
    this.said.classList.toggle("fault", failed > 0);
    const save = element("button", { type: "button", class: "predict" }, "Save as CSV");
    save.addEventListener("click", () => {
      const lines = rows.map((row, number) => csvLine([...row, ...names.map((name) => harmless(flat[number][name]))]));
      saveAs(`${file.name.replace(/\.\w+$/, "")}-predictions.csv`, [csvLine([...head, ...shown]), ...lines]);
    });
    const first = [...rows.keys()].slice(0, MOST_SHOWN).map((number) => cells(number).map((cell) => String(cell ?? "")));
    const caption = rows.length > MOST_SHOWN ? `The first ${MOST_SHOWN} of ${rows.length} rows` : "All rows";
    const found = table(caption, [...shown, ...head], first);
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", caption]]) found.setAttribute(name, value);
    this.found.replaceChildren(save, found);
  }
}

// Take a CSV that is dropped anywhere; where there are several forms, by the one it is dropped on.
export function receiveDrops(all) {
  const wanted = (event) => all.length && event.dataTransfer?.types.includes("Files") && !event.target.closest?.("input[type=file]");
  addEventListener("dragover", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!wanted(event) || !event.dataTransfer.files.length) return;
    event.preventDefault();
    const section = event.target.closest?.("section");
    const rows = all.find((each) => each.place.closest("section") === section) ?? all[0];
    rows.take(event.dataTransfer.files[0]);
    rows.place.scrollIntoView({ block: "nearest" });
  });
}

function partOf(lines, start, most) {
  let end = start;
  let size = 0;
  while (end < lines.length && end - start < most && (size === 0 || size + lines[end].length < BYTES_AT_ONCE)) {
    size += lines[end].length;
    end += 1;
  }
  return lines.slice(start, end);
}

function isProblem(answer) {
  return answer !== null && typeof answer === "object" && "status" in answer && "title" in answer && "detail" in answer;
}

function flattened(answer) {
  if (isProblem(answer)) return { error: answer.detail };
  const found = {};
  const add = (name, value) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) add(name ? `${name}.${key}` : key, inner);
    } else {
      found[name || "prediction"] = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
    }
  };
  add("", answer);
  return found;
}

function saveAs(name, lines) {
  const url = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
