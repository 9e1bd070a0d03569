"use strict";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The page's colours and margins around what a figure says itself. */
function themed(layout, narrow) {
  const axis = { gridcolor: colour("--grid"), zerolinecolor: colour("--line"), linecolor: colour("--soft"), automargin: true };
  const full = { paper_bgcolor: colour("--page"), plot_bgcolor: colour("--page"), font: { color: colour("--text"), size: narrow ? 11 : 13, family: "system-ui, sans-serif" },
    margin: { l: 20, r: 20, t: 20, b: 20 }, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--text") } }, ...layout };
  full.xaxis = { ...axis, ...layout.xaxis };
  full.yaxis = { ...axis, ...layout.yaxis };
  return full;
}

const drawn = new Map(); // figure element -> what gives its view

/** A long name on two lines or cut, where there is no room. */
function cut(name, letters) {
  const text = String(name);
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

function draw(figure) {
  const shown = drawn.get(figure)();
  const plot = figure.querySelector(".plot"), narrow = plot.clientWidth < 520;
  const layout = themed(shown.figure.layout, narrow), data = structuredClone(shown.figure.data);
  for (const trace of data) if (Array.isArray(trace.error_x?.array)) for (const bar of [trace.error_x, trace.error_y]) if (bar) bar.color = colour("--soft");
  if (data[0]?.type === "heatmap" || figure.dataset.chart === "scores") {
    const names = [...new Set(data[0].y)], letters = narrow ? 18 : 42;
    layout.yaxis = { ...layout.yaxis, tickmode: "array", tickvals: names, ticktext: names.map((name) => cut(name, letters)) };
  }
  if (data[0]?.type === "heatmap") {
    data[0].showscale = !narrow;
    const names = [...new Set(data[0].x)];
    layout.xaxis = { ...layout.xaxis, tickmode: "array", tickvals: names, ticktext: names.map((name) => cut(name, narrow ? 12 : 24)) };
  }
  plot.setAttribute("aria-label", shown.alt);
  plot.style.height = `${layout.height}px`;
  delete layout.height; // the box has it, so that a figure that is drawn again fills it
  Plotly.react(plot, data, layout, { responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover" });
  figure.dataset.drawn = "yes";
  const numbers = figure.querySelector("details.numbers");
  if (numbers) {
    const fill = () => { if (numbers.open) numbers.querySelector(".scroll").replaceChildren(plainTable(shown.alt, shown.table.columns, shown.table.rows)); };
    numbers.ontoggle = fill;
    fill();
  }
}

/** Plotly stands in the page as text, so that the page can be read before it is understood. */
function withPlotly() {
  if (!window.Plotly) document.head.append(make("script", {}, byId("plotly").textContent));
}

/** Draw what comes into sight, and again when the colours change. */
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { sight.unobserve(entry.target); withPlotly(); draw(entry.target); }
}, { rootMargin: "300px" });
document.addEventListener("theme", () => { for (const figure of drawn.keys()) if (figure.dataset.drawn) draw(figure); });

function watch(figure, viewOf) {
  drawn.set(figure, viewOf);
  for (const select of figure.querySelectorAll("select")) select.addEventListener("change", () => draw(figure));
  sight.observe(figure);
}

for (const chart of Object.values(DATA.charts)) {
  const figure = byId(`chart-${chart.name}`);
  if (!figure) continue;
  watch(figure, () => {
    const key = chart.choices.map((_, place) => { const select = figure.querySelector(`[data-choice="${place}"]`); return select ? select.value : "0"; }).join("|");
    return chart.views[key];
  });
}

/* one metric against another */
const trade = DATA.trade, tradeFigure = byId("chart-trade");
if (trade && tradeFigure) {
  const select = (name, options, chosen) => { const box = make("select", { id: `trade-${name}` }, ...options.map((name, place) => make("option", { value: place }, name))); box.value = String(chosen); return box; };
  const task = select("task", trade.tasks, 0), across = select("across", trade.metrics, 0), up = select("up", trade.metrics, Math.min(1, trade.metrics.length - 1));
  const labelled = (text, box) => make("span", {}, make("label", { for: box.id }, text), " ", box);
  if (trade.tasks.length > 1) tradeFigure.querySelector(".choices").append(labelled("Task", task));
  tradeFigure.querySelector(".choices").append(labelled("Across", across), labelled("Up", up));
  watch(tradeFigure, () => {
    const x = trade.points[task.value][across.value], y = trade.points[task.value][up.value];
    const bar = (pair) => ({ type: "data", array: [pair[1]], color: colour("--soft"), thickness: 1.5, visible: pair[1] !== null });
    const data = trade.names.map((name, i) => ({ type: "scatter", mode: "markers", name, x: [x[i][0]], y: [y[i][0]], error_x: bar(x[i]), error_y: bar(y[i]),
      marker: { size: 13, color: trade.colours[i], symbol: trade.symbols[i] } }));
    const [named, other] = [trade.titles[across.value], trade.titles[up.value]];
    return { figure: { data, layout: { height: 460, xaxis: { title: { text: named } }, yaxis: { title: { text: other } } } }, alt: `${other}, against ${named}, by agent and baseline`,
      table: { columns: ["policy", named, "± 95%", other, "± 95%"], rows: trade.names.map((name, i) => [name, ...x[i], ...y[i]]) } };
  });
}

/* journeys */
const agents = DATA.journeys, agentBox = byId("journey-agent"), personBox = byId("journey-person");
if (agents.length && agentBox) {
  const figure = document.querySelector('[data-chart="journey"]');
  const life = () => agents[agentBox.value].lives[personBox.value] || agents[agentBox.value].lives[0];
  agentBox.append(...agents.map((agent, place) => make("option", { value: place }, agent.name)));
  const people = () => {
    const kept = personBox.value;
    personBox.replaceChildren(...agents[agentBox.value].lives.map((one, place) => make("option", { value: place }, `${one.user} (${one.steps} steps)`)));
    personBox.value = kept && kept < personBox.options.length ? kept : "0";
  };
  const steps = () => {
    const one = life(), shown = one.step.length;
    const rows = one.step.map((step, i) => [step, one.minute[i], one.scenario[i], one.title[i], one.topic[i], one.clicked[i] ? (one.converted[i] ? "click, converted" : "click") : "–", one.dwell[i], one.reward[i], one.satisfaction[i]]);
    const note = shown < one.steps ? ` The first ${shown} of ${one.steps} steps.` : "";
    const table = plainTable(`Person ${one.user} under ${agents[agentBox.value].name}, run ${agents[agentBox.value].run}.${note}`, ["Step", "When", "Scenario", "Shown", "Topic", "Response", "Dwell [s]", "Reward", "Satisfaction"], rows);
    byId("journey").replaceChildren(...table.children);
    if (figure.dataset.drawn) draw(figure);
  };
  watch(figure, () => {
    const one = life(), clicks = one.step.map((step, i) => (one.clicked[i] ? i : -1)).filter((i) => i >= 0);
    const text = one.step.map((_, i) => `${one.minute[i]}, ${one.scenario[i]}: ${one.title[i]}`);
    const data = [
      { type: "scatter", mode: "lines", name: "satisfaction", x: one.step, y: one.satisfaction, text, line: { color: "#2878b5", width: 2 }, hovertemplate: "step %{x}: %{y}<br>%{text}<extra></extra>" },
      { type: "scatter", mode: "markers", name: "click", x: clicks.map((i) => one.step[i]), y: clicks.map((i) => one.satisfaction[i]), text: clicks.map((i) => text[i]),
        marker: { size: 11, color: "#d55e00", symbol: clicks.map((i) => (one.converted[i] ? "star" : "circle")) }, hovertemplate: "step %{x}: %{y}<br>%{text}<extra></extra>" }];
    return { figure: { data, layout: { height: 340, xaxis: { title: { text: "step" } }, yaxis: { title: { text: "satisfaction" } } } },
      alt: `Satisfaction of person ${one.user} over ${one.step.length} steps with ${clicks.length} clicks` };
  });
  agentBox.addEventListener("change", () => { people(); steps(); });
  personBox.addEventListener("change", steps);
  people();
  steps();
}
document.documentElement.dataset.ready = "yes";
