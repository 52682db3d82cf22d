// Draws what a service was asked in the last hour, and adds to it.

import uPlot from "./uplot/uPlot.esm.js";

const EVERY = 10_000;
const HEIGHT = 150;
const place = document.getElementById("charts");
const nothing = document.getElementById("no-points");
const dark = matchMedia("(prefers-color-scheme: dark)");

const rate = (value) => (value === null ? "–" : `${+value.toPrecision(3)}/s`);
const plain = (value) => (value === null ? "–" : String(+value.toPrecision(3)));
const time = (seconds) => (seconds === null ? "–" : `${+(seconds * 1000).toPrecision(3)} ms`);
const bytes = (count) => {
  if (count === null) return "–";
  const power = count < 1e6 ? 3 : count < 1e9 ? 6 : 9;
  return `${+(count / 10 ** power).toPrecision(3)} ${{ 3: "kB", 6: "MB", 9: "GB" }[power]}`;
};
const perSecond = (name) => (point) => (point.seconds > 0 ? point[name] / point.seconds : null);
const of = (name) => (point) => point[name] ?? null;

// A line for each worker, besides that of all processes together.
const memoryOf = (points) => {
  const most = Math.max(...points.map((point) => point.worker_memory?.length ?? 0));
  const workers = Array.from({ length: most }, (_, slot) => [
    `worker ${slot + 1}`, (point) => point.worker_memory?.[slot] ?? null, `hsl(${(200 + slot * 137.5) % 360} 60% 50%)`,
  ]);
  return [["all", of("memory"), "--accent"], ...workers];
};

const CHARTS = [
  { title: "Requests", shown: rate, lines: [["requests", perSecond("requests"), "--accent"]] },
  { title: "Errors", shown: rate, lines: [["errors", perSecond("errors"), "--bad"]] },
  { title: "Latency", shown: time, lines: [["p50", of("p50"), "--good"], ["p99", of("p99"), "--busy"]] },
  { title: "Rows in a call", shown: plain, lines: [["rows", of("rows_per_call"), "--accent"]] },
  { title: "Memory", shown: bytes, lines: [], linesOf: memoryOf },
];

const color = (name) => {
  const isNamed = name.startsWith("--");
  return isNamed ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : name;
};

function figureOf(chart) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const now = document.createElement("span");
  const canvas = document.createElement("div");
  caption.append(chart.title, now);
  now.className = "now";
  figure.append(caption, canvas);
  place.append(figure);
  return { ...chart, figure, canvas, now, plot: null };
}

function clock(seconds, isFine = true) {
  const parts = { hour: "2-digit", minute: "2-digit", ...(isFine ? { second: "2-digit" } : {}) };
  return new Date(seconds * 1000).toLocaleTimeString([], parts);
}

// Says in words what is drawn: at the cursor, or else the newest.
function tell(drawn, plot) {
  const at = plot.cursor.idx ?? plot.data[0].length - 1;
  const values = drawn.lines.map(([name, , tone], line) => {
    const value = document.createElement("span");
    value.style.color = color(tone);
    value.textContent = ` ${name} ${drawn.shown(plot.data[line + 1][at] ?? null)}`;
    return value;
  });
  drawn.now.replaceChildren(plot.cursor.idx == null ? "" : clock(plot.data[0][at]), ...values);
}

function optionsOf(drawn) {
  const axis = { stroke: color("--dim"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const values = (_, ticks) => ticks.map(drawn.shown);
  const times = (_, ticks) => ticks.map((tick) => clock(tick, ticks.at(-1) - ticks[0] < 300));
  const series = drawn.lines.map(([label, , name]) => ({ label, stroke: color(name), width: 2, points: { size: 4 } }));
  return {
    width: drawn.canvas.clientWidth,
    height: HEIGHT,
    cursor: { sync: { key: "traffic" }, drag: { x: true, y: false } },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [{ ...axis, space: 70, size: 28, values: times }, { ...axis, size: 72, values }],
    legend: { show: false },
    hooks: { setCursor: [(plot) => tell(drawn, plot)] },
    series: [{}, ...series],
  };
}

function draw(drawn, points) {
  const lines = drawn.linesOf?.(points) ?? drawn.lines;
  if (lines.length !== drawn.lines.length) {
    drawn.plot?.destroy();
    drawn.plot = null;
  }
  drawn.lines = lines;
  const data = [points.map((point) => point.at), ...drawn.lines.map(([, value]) => points.map(value))];
  if (drawn.plot) drawn.plot.setData(data);
  else drawn.plot = new uPlot(optionsOf(drawn), data, drawn.canvas);
  tell(drawn, drawn.plot);
}

const figures = [];
let points = [];

function drawAll() {
  nothing.hidden = points.length > 0;
  if (points.length && !figures.length) figures.push(...CHARTS.map(figureOf));
  if (points.length) figures.forEach((drawn) => draw(drawn, points));
}

function drawAnew() {
  figures.forEach((drawn) => drawn.plot?.destroy());
  figures.forEach((drawn) => { drawn.plot = null; });
  drawAll();
}

async function look() {
  const limit = AbortSignal.timeout(EVERY);
  const answer = await fetch(place.dataset.history, { cache: "no-store", redirect: "error", signal: limit });
  if (!answer.ok) return;
  points = (await answer.json()).points;
  drawAll();
}

dark.addEventListener("change", drawAnew);
new ResizeObserver(() => {
  for (const { plot, canvas } of figures) plot?.setSize({ width: canvas.clientWidth, height: HEIGHT });
}).observe(place);
for (;;) {
  if (!document.hidden) await look().catch(() => {});
  await new Promise((done) => setTimeout(done, EVERY));
}
