// Show an answer: what matters most large, probabilities as bars, all of it as JSON.
import { code, element, parsedExactly, statusOf, table, written } from "./asking.js";
import { dataUrl } from "./controls.js";

const LONGEST_HEADLINE = 120;
const MOST_ROWS = 100;
const MOST_BYTES = 20_000_000; // of a picture
const MAIN_KEYS = ["class", "label"];

export async function showAnswer(place, said) {
  place.className = `result ${said.ok ? "good" : "bad"}`;
  const status = element("p", { class: "status" }, statusOf(said));
  const value = said.kind.includes("json") ? parsedExactly(said.text) : undefined;
  if (!said.ok) {
    place.replaceChildren(element("p", { class: "headline" }, problemText(said, value)), status, whole(said));
    return;
  }
  const parts = value === undefined ? await partsOfFile(said) : partsOf(value);
  place.replaceChildren(...parts, status, ...(value === undefined ? [] : [whole(said)]));
}

// Say an answer in a few words, for a list.
export function shortAnswer(said) {
  const value = said.kind.includes("json") ? parsedExactly(said.text) : undefined;
  if (!said.ok) return problemText(said, value);
  if (value === undefined) return said.text.slice(0, LONGEST_HEADLINE) || said.kind;
  const { headline } = summary(value);
  return String(headline ?? said.text).slice(0, LONGEST_HEADLINE);
}

function problemText(said, value) {
  return String(value?.detail ?? value?.error ?? `${said.status} ${said.reason}`);
}

function whole(said) {
  return element("details", { class: "json" }, element("summary", {}, "The whole answer"), code(written(said)));
}

function isScalar(value) {
  return value === null || typeof value !== "object";
}

// Shares of one whole: a number from 0 to 1 for each name.
function isShares(value) {
  if (isScalar(value) || Array.isArray(value)) return false;
  const numbers = Object.values(value);
  const sum = numbers.reduce((total, number) => total + number, 0);
  return numbers.length > 1 && numbers.every((number) => typeof number === "number" && number >= 0 && number <= 1)
    && Math.abs(sum - 1) < 0.02;
}

function summary(value) {
  if (isScalar(value)) return { headline: value, others: [] };
  if (Array.isArray(value)) return { others: [] };
  if (isShares(value)) return { shares: value, others: [] };
  const scalars = Object.entries(value).filter(([, each]) => isScalar(each));
  const main = MAIN_KEYS.find((key) => scalars.some(([name]) => name === key)) ?? scalars[0]?.[0];
  return {
    name: main,
    headline: main === undefined ? undefined : value[main],
    shares: Object.values(value).find(isShares),
    others: scalars.filter(([name]) => name !== main),
  };
}

function partsOf(value) {
  if (Array.isArray(value)) return value.length ? [rowsOf(value)] : [element("p", { class: "headline" }, "[]")];
  const { name, headline, shares, others } = summary(value);
  const parts = [];
  if (name !== undefined) parts.push(element("p", { class: "name" }, name));
  if (headline !== undefined) {
    const text = String(headline);
    const isLong = text.length > LONGEST_HEADLINE || text.includes("\n");
    parts.push(element("p", { class: isLong ? "headline long" : "headline" }, text));
  }
  if (others.length) {
    parts.push(element("dl", {}, ...others.flatMap(([key, each]) => [element("dt", {}, key), element("dd", {}, String(each))])));
  }
  if (shares) parts.push(barsOf(shares));
  return parts;
}

// The width is set by script: a style in the page is what its policy forbids.
function barsOf(shares) {
  const most = Math.max(...Object.values(shares));
  const rows = Object.entries(shares).map(([name, share]) => {
    const bar = element("div", {});
    bar.style.width = `${share * 100}%`;
    return element("tr", { class: share === most ? "best" : undefined },
      element("th", { scope: "row" }, name),
      element("td", { class: "bar" }, bar),
      element("td", {}, `${(share * 100).toFixed(1)} %`));
  });
  return element("table", { class: "bars" }, element("caption", {}, "Probabilities"), element("tbody", {}, ...rows));
}

function rowsOf(values) {
  const shown = values.slice(0, MOST_ROWS);
  const isTable = shown.every((each) => !isScalar(each) && !Array.isArray(each));
  const names = isTable ? [...new Set(shown.flatMap((each) => Object.keys(each)))] : ["value"];
  const cell = (each) => each === undefined ? "" : isScalar(each) ? String(each) : JSON.stringify(each);
  const rows = shown.map((each) => isTable ? names.map((name) => cell(each[name])) : [cell(each)]);
  const caption = values.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${values.length}` : `${values.length} in all`;
  return table(caption, names, rows);
}

async function partsOfFile(said) {
  const kind = said.kind.split(";")[0];
  if (said.blob.size === 0) return [element("p", { class: "headline" }, "(nothing)")];
  const url = () => URL.createObjectURL(said.blob);
  if (/^image\//.test(kind) && said.blob.size < MOST_BYTES) {
    return [element("img", { class: "picture", src: await dataUrl(said.blob), alt: "The picture that was answered" })];
  }
  if (said.text) return [code(said.text.slice(0, 100_000))];
  return [element("a", { href: url(), download: "answer" }, `Save ${kind || "the answer"} (${said.blob.size} bytes)`)];
}
