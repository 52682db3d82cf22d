// Read and write tables as CSV. Source: RFC 4180; the separator may also be a semicolon or a tab.

const SEPARATORS = [",", ";", "\t"];
const MARKS = { "255,254": "utf-16le", "254,255": "utf-16be" };

// Decode a file as spreadsheets write it: by its mark, as UTF-8, or else as Windows does in the West.
export function decoded(bytes) {
  const marked = MARKS[bytes.slice(0, 2)];
  try {
    return new TextDecoder(marked ?? "utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

// Give the rows of a text as lists of strings; empty lines do not count.
export function readCsv(source, separator) {
  const rows = [];
  let row = [];
  let at = 0;
  while (at < source.length) {
    const [cell, end] = source[at] === '"' ? quoted(source, at) : plain(source, at, separator);
    row.push(cell);
    at = end;
    if (source[at] === separator) {
      at += 1;
      if (at < source.length) continue;
      row.push("");
    }
    if (source[at] === "\r") at += 1;
    if (source[at] === "\n") at += 1;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

// What stands most often in the first line, outside of quotes.
export function separatorOf(source) {
  const line = source.slice(0, source.search(/[\r\n]|$/)).replace(/"[^"]*"/g, "");
  const counts = SEPARATORS.map((each) => line.split(each).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))];
}

function plain(source, start, separator) {
  let end = start;
  while (end < source.length && source[end] !== separator && source[end] !== "\n" && source[end] !== "\r") end += 1;
  return [source.slice(start, end), end];
}

function quoted(source, start) {
  let cell = "";
  let at = start + 1;
  for (;;) {
    const quote = source.indexOf('"', at);
    if (quote < 0) throw new Error("a quote is not closed");
    cell += source.slice(at, quote);
    if (source[quote + 1] !== '"') {
      if (quote + 1 < source.length && !/[,;\t\r\n]/.test(source[quote + 1])) {
        throw new Error(`something stands behind the quote of ${cell.slice(0, 40)}`);
      }
      return [cell, quote + 1];
    }
    cell += '"';
    at = quote + 2;
  }
}

export function csvLine(cells) {
  return `${cells.map(cellText).join(",")}\r\n`;
}

function cellText(cell) {
  const text = cell === null || cell === undefined ? "" : String(cell);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

// A spreadsheet would calculate what looks like a formula: what a service says is no such thing.
export function harmless(value) {
  return typeof value === "string" && /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
}
