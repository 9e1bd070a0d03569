"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text, never markup. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.map((child) => (child === null || child === undefined ? "" : child)));
  return element;
}

const say = (text) => { byId("said").textContent = text; };

/* light and dark */
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
function showTheme() {
  const dark = isDark();
  byId("theme").setAttribute("aria-pressed", String(dark));
  byId("theme").textContent = dark ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", "Dark colours");
  document.dispatchEvent(new Event("theme"));
}
try {
  const kept = localStorage.getItem("crossrec-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch { /* a browser may forbid it to pages from files */ }
byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("crossrec-theme", document.documentElement.dataset.theme); } catch { /* as above */ }
  showTheme();
});
prefersDark.addEventListener("change", showTheme);
showTheme();

const number = (text) => (text === "" || text === null || text === undefined ? NaN : Number(text));
function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a === null ? "" : a).localeCompare(String(b === null ? "" : b));
}

/** Turn the sorting of a column's header round and say so. */
function turn(header) {
  const way = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", way);
  say(`Sorted by ${header.textContent}, ${way}`);
  return way === "ascending" ? 1 : -1;
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((header, place) => {
    header.querySelector("button").addEventListener("click", () => {
      const sign = turn(header);
      const key = (row) => { const cell = row.cells[place]; return cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort; };
      const rows = [...table.tBodies[0].rows].sort((a, b) => sign * compare(key(a), key(b)));
      table.tBodies[0].append(...rows);
    });
  });
}

/** A table of plain values. */
function plainTable(caption, columns, rows) {
  const cell = (value, place) => (place === 0 ? make("th", { scope: "row" }, String(value))
    : make("td", { class: typeof value === "number" ? "number" : String(value).length < 12 ? "short" : null }, value === null ? "–" : String(value)));
  return make("table", {}, make("caption", {}, make("span", {}, caption)),
    make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, String(name))))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map(cell)))));
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // pages from files may not use the clipboard: the old way
    const area = make("textarea", { readonly: true, class: "hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`${what} copied`);
}

/* runs */
const RUNS = DATA.runs.rows, PAGE = 25;
const COLUMNS = [["run", "Run"], ["state", "State"], ["agent", "Agent"], ["task", "Task"], ["seed", "Seed"], ["score", "Score"], ["return", "Return"], ["seconds", "Training [s]"], ["code", "Code"]];
const view = { rows: RUNS, page: 0, open: new Set(), key: "run", sign: 1 };

function copyButton(text, what) {
  const button = make("button", { type: "button", onclick: async () => {
    await copy(text, what);
    button.textContent = "Copied";
    button.focus();
    setTimeout(() => { button.textContent = `Copy ${what.toLowerCase()}`; }, 2000);
  } }, `Copy ${what.toLowerCase()}`);
  return button;
}

function more(run) {
  const config = run.config.map((place) => DATA.runs.texts[place]).join("");
  const box = make("div", { class: "run-more" });
  if (run.problem) box.append(make("p", { class: "problem" }, run.problem));
  if (run.command) box.append(make("div", {}, make("strong", {}, "Command "), copyButton(run.command, "Command"), make("pre", { class: "command", tabindex: "0", "aria-label": "Command" }, run.command)));
  if (config) box.append(make("details", { open: true }, make("summary", {}, "config.yaml"), copyButton(config, "Config"), make("pre", { tabindex: "0", "aria-label": "Config" }, config)));
  box.append(make("p", {}, "Folder: ", make("code", {}, run.path)));
  return box;
}

function runRow(run) {
  const open = view.open.has(run.run);
  const opener = make("button", { type: "button", "aria-expanded": String(open), onclick: () => {
    if (open) view.open.delete(run.run); else view.open.add(run.run);
    showRuns();
    const again = [...byId("table-runs").querySelectorAll("button[aria-expanded]")].find((b) => b.textContent === run.run);
    if (again) again.focus();
  } }, run.run);
  const cells = COLUMNS.slice(1).map(([key]) => make("td", { class: typeof run[key] === "number" ? "number" : null }, run[key] === null || run[key] === undefined ? "" : String(run[key])));
  const rows = [make("tr", {}, make("th", { scope: "row" }, opener), ...cells)];
  if (open) rows.push(make("tr", {}, make("td", { colspan: COLUMNS.length }, more(run))));
  return rows;
}

const runsTable = byId("table-runs");
runsTable.append(
  make("caption", {}, make("span", {}, "All runs; a name opens its command and config.")),
  make("thead", {}, make("tr", {}, ...COLUMNS.map(([key, title]) => {
    const header = make("th", { scope: "col", "aria-sort": key === "run" ? "ascending" : null },
      make("button", { type: "button", onclick: () => { view.sign = turn(header); view.key = key; view.page = 0; filterRuns(); } }, title));
    return header;
  }))),
  make("tbody", {}));

function showRuns() {
  const last = Math.max(Math.ceil(view.rows.length / PAGE) - 1, 0);
  view.page = Math.min(Math.max(view.page, 0), last);
  const shown = view.rows.slice(view.page * PAGE, (view.page + 1) * PAGE);
  runsTable.tBodies[0].replaceChildren(...shown.flatMap(runRow));
  byId("pages").textContent = view.rows.length ? `${view.page * PAGE + 1} to ${view.page * PAGE + shown.length} of ${view.rows.length}` : "no run";
  byId("back").disabled = view.page === 0;
  byId("next").disabled = view.page === last;
}

function filterRuns() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean), state = byId("state").value;
  view.rows = RUNS.filter((run) => {
    const text = `${run.run} ${run.state} ${run.agent} ${run.task} ${run.problem}`.toLowerCase();
    return (!state || run.state === state) && words.every((word) => text.includes(word));
  }).sort((a, b) => view.sign * compare(a[view.key], b[view.key]));
  showRuns();
}

byId("state").append(make("option", { value: "" }, `any (${RUNS.length})`), ...Object.entries(DATA.runs.states).map(([state, count]) => make("option", { value: state }, `${state} (${count})`)));
byId("find").addEventListener("input", () => { view.page = 0; filterRuns(); });
byId("state").addEventListener("change", () => { view.page = 0; filterRuns(); });
byId("back").addEventListener("click", () => { view.page -= 1; showRuns(); });
byId("next").addEventListener("click", () => { view.page += 1; showRuns(); });
filterRuns();
