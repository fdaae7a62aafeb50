// Line charts over time or over a number, drawn by uPlot.

import { element } from "./dom.js";

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * A chart.
 *
 * `x` are seconds since 1970 (`time` is a clock) or plain numbers. `lines` are `{label, values,
 * colour, width, dash, points, bars}`; `bands` are `{upper, lower, fill}` with values. `marks` are
 * `{x|y, label, colour}`, drawn across the chart. `format(value)` gives the text of a value.
 * Returns an element; its `say` attribute of the chart can be read out, and arrow keys move through
 * the points.
 */
export function chart({ title, summary, x, time, lines, bands = [], marks = [], format, height = 320, sync, range, columns = [] }) {
  const readout = element("p", { className: "readout", "aria-live": "polite" }, "Point at the chart, or use the arrow keys, to read the values.");
  const holder = element("div", {
    className: "plot", tabIndex: 0, role: "img", "aria-label": `${title}. ${summary} Arrow keys read the values.`,
  });
  const figure = element("figure", { className: "chart" }, readout, holder);
  const data = [x], series = [{}], fills = [];
  for (const band of bands) {
    data.push(band.upper, band.lower);
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    series.push({ ...edge }, { ...edge });
    fills.push({ series: [series.length - 2, series.length - 1], fill: colour(band.fill) });
  }
  for (const line of lines) {
    data.push(line.values);
    series.push({
      stroke: colour(line.colour), width: line.width ?? 2, dash: line.dash,
      points: { show: line.points ?? false, size: 6 },
      fill: line.bars ? colour(line.colour) : undefined,
      paths: line.bars ? uPlot.paths.bars({ size: [0.75, 60] }) : undefined,
    });
  }
  const axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const plot = new uPlot({
    width: 600, height, series, bands: fills,
    legend: { show: false },
    cursor: { sync: sync && { key: sync }, drag: { x: false, y: false }, points: { size: 7 }, y: false },
    scales: { x: { time: Boolean(time), range: time ? undefined : (_, low, high) => [low - 0.6, high + 0.6] }, y: { range: range ?? padded } },
    axes: [
      { ...axis, ...(time ? timeAxis(time) : { incrs: [1, 2, 3, 6, 12] }) },
      { ...axis, size: 62, values: (_, values) => values.map(format) },
    ],
    hooks: { draw: [(chart) => drawMarks(chart, marks)], setCursor: [() => read(plot.cursor.idx)] },
  }, data, holder);

  const named = [...lines.filter((line) => line.label), ...columns];
  function read(index) {
    if (index === null || index === undefined) return;
    const when = time ? time.exact(1000 * x[index]) : `${x[index]} h ahead`;
    const values = named.filter(({ values }) => values[index] !== null && values[index] !== undefined)
      .map(({ label, values, text }) => `${label} ${(text ?? format)(values[index])}`);
    readout.textContent = [when, ...values].join(" · ");
  }
  let at = x.length - 1;
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -x.length, End: x.length }[event.key];
    if (!step) return;
    event.preventDefault();
    at = Math.max(0, Math.min(x.length - 1, at + step));
    plot.setCursor({ left: plot.valToPos(x[at], "x"), top: 0 });
    read(at);
  });
  new ResizeObserver(() => {
    if (holder.clientWidth) plot.setSize({ width: holder.clientWidth, height });
  }).observe(holder);
  figure.plot = plot;
  return figure;
}

function padded(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const space = Math.max((high - low) * 0.08, Math.abs(high) * 0.01, 1e-9);
  return [low >= 0 ? Math.max(0, low - space) : low - space, high + space];
}

/** Ticks at full local hours, with the day below midnight; right on days of 23 and 25 hours. */
function timeAxis(time) {
  return {
    size: 44,
    splits: (chart) => {
      const [low, high] = [chart.scales.x.min, chart.scales.x.max];
      const hours = Math.max((high - low) / 3600, 1);
      const wanted = Math.max(2, Math.floor(chart.bbox.width / devicePixelRatio / 58));
      const step = [1, 2, 3, 6, 12, 24, 48, 96, 168].find((one) => hours / one <= wanted) ?? 336;
      const ticks = [];
      for (let at = Math.ceil(low / 3600) * 3600; at <= high; at += 3600) {
        const hour = Number(time.hour(1000 * at).slice(0, 2));
        const day = Math.floor(at / 86400);
        if (hour % Math.min(step, 24) === 0 && (step <= 24 || day % (step / 24) === 0)) ticks.push(at);
      }
      return ticks;
    },
    values: (_, ticks) => ticks.map((at, number) => {
      const hour = time.hour(1000 * at);
      return hour === "00:00" || number === 0 ? `${hour}\n${time.day(1000 * at)}` : hour;
    }),
  };
}

function drawMarks(chart, marks) {
  const { ctx, bbox } = chart;
  ctx.save();
  for (const mark of marks) {
    ctx.strokeStyle = ctx.fillStyle = colour(mark.colour);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.beginPath();
    if (mark.x !== undefined) {
      const left = chart.valToPos(mark.x, "x", true);
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      write(ctx, mark.label, "right", left - 5 * devicePixelRatio, bbox.top + 13 * devicePixelRatio);
    } else {
      const top = chart.valToPos(mark.y, "y", true);
      if (top < bbox.top || top > bbox.top + bbox.height) continue;
      ctx.moveTo(bbox.left, top);
      ctx.lineTo(bbox.left + bbox.width, top);
      write(ctx, mark.label, "left", bbox.left + 5 * devicePixelRatio, top - 5 * devicePixelRatio);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** Text that can be read across lines. */
function write(ctx, text, side, left, top) {
  ctx.save();
  ctx.textAlign = side;
  ctx.setLineDash([]);
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = colour("panel");
  ctx.strokeText(text, left, top);
  ctx.fillText(text, left, top);
  ctx.restore();
}

/** What the lines and bands mean: `{label, colour, dash, band}`. */
export function legend(entries) {
  return element("ul", { className: "legend" }, entries.map(({ label, colour: name, dash, band }) =>
    element("li", {}, element("i", { className: band ? "band" : dash ? "dash" : "line", "data-colour": name }), label)));
}
