// A chart on uPlot: lines and bands, marks and levels, a readout of the values, and the keyboard.

import { announce, colour, h } from "../base/dom.js";

/* `spec`:
     label      what the chart shows, in words
     height     pixels
     xs         ascending numbers
     lines      [{name, values, colour, dash, width, points, drawn}]; `drawn` may differ from `values`
                where a line is drawn from the last observed point on
     bands      [{name, lower, upper, colour, text(index)}], the widest first
     levels     [{value, colour, dash}] horizontal lines
     marks      [{x, text}] vertical lines
     xTicks     (width) => xs to label; xText(x), xName(x) short and in full
     yText      (value) => text
     fromZero   whether the vertical axis starts at zero
     home       index whose values are read out while nothing is pointed at
     limit      {value, text(value), onMove(value)}: a level that can be dragged */
export function chart(host, spec) {
  const readout = h("div", { class: "readout" });
  const area = h("div", {
    class: "chart", tabindex: "0", role: "application", "aria-roledescription": "chart",
    "aria-label": `${spec.label} Arrow keys read out the values.`,
  });
  area.style.minHeight = `${spec.height}px`;
  host.replaceChildren(readout, area);

  const plot = new window.uPlot(options(spec, area.clientWidth || 600, showValues), dataOf(spec), area);
  const resize = new ResizeObserver(() => {
    if (area.clientWidth && area.clientWidth !== plot.width) plot.setSize({ width: area.clientWidth, height: spec.height });
  });
  resize.observe(area);
  if (spec.limit) limitHandle(plot, spec);
  area.addEventListener("keydown", (event) => onKey(event, plot, spec));
  area.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));
  showValues(null);

  function showValues(index) {
    const at = index ?? spec.home ?? spec.xs.length - 1;
    readout.replaceChildren(h("span", { class: "when" }, spec.xName(spec.xs[at])), ...parts(spec, at).map((part) =>
      h("span", { class: "key" }, swatch(part), part.name, " ", h("b", {}, part.text))));
  }

  return {
    destroy() {
      resize.disconnect();
      plot.destroy();
    },
  };
}

// What there is to say about one point.
function parts(spec, index) {
  const lines = spec.lines.map((line) => ({ ...line, text: textOf(spec, line.values[index]) }));
  const tones = (spec.bands ?? []).map((band) => colour(band.colour));
  // A band lies over the wider ones, and so does its swatch.
  const bands = (spec.bands ?? []).map((band, place) => ({ ...band, band: true, text: band.text(index), shades: tones.slice(0, place + 1) }));
  return [...lines, ...bands];
}

function textOf(spec, value) {
  return value === null || value === undefined ? "–" : spec.yText(value);
}

function swatch(part) {
  const mark = h("i", { class: part.band ? "band" : part.dash ? "dashed" : "", "aria-hidden": "true" });
  if (part.band) mark.style.background = part.shades.map((shade) => `linear-gradient(${shade}, ${shade})`).join(", ");
  else mark.style.borderColor = colour(part.colour);
  return mark;
}

function dataOf(spec) {
  const bands = (spec.bands ?? []).flatMap((band) => [band.upper, band.lower]);
  return [spec.xs, ...bands, ...spec.lines.map((line) => line.drawn ?? line.values)];
}

function options(spec, width, showValues) {
  const bands = spec.bands ?? [];
  const axis = { stroke: colour("soft"), font: "12px system-ui, sans-serif", ticks: { show: false }, gap: 8 };
  const edge = { show: true, width: 0, stroke: "transparent", points: { show: false } };
  return {
    width,
    height: spec.height,
    padding: [14, 20, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, low, high) => [low, high === low ? high + 1 : high] },
      y: { range: (_, low, high) => extent(spec, low, high) },
    },
    axes: [
      { ...axis, size: 26, grid: { show: false }, splits: (plot) => spec.xTicks(plot.bbox.width / devicePixelRatio),
        values: (_, ticks) => ticks.map(spec.xText) },
      { ...axis, size: 58, grid: { stroke: colour("grid"), width: 1 }, values: (_, ticks) => ticks.map((tick) => spec.yText(tick, true)) },
    ],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, width: 2, fill: colour("card") } },
    series: [
      {},
      ...bands.flatMap(() => [edge, edge]),
      ...spec.lines.map((line) => ({
        stroke: colour(line.colour),
        width: line.width ?? 2,
        dash: line.dash,
        points: { show: line.points ?? false, size: 6, fill: colour(line.colour) },
      })),
    ],
    bands: bands.map((band, place) => ({ series: [2 * place + 1, 2 * place + 2], fill: colour(band.colour) })),
    hooks: {
      setCursor: [(plot) => showValues(plot.cursor.left >= 0 ? plot.cursor.idx : null)],
      draw: [(plot) => drawRules(plot, spec)],
    },
  };
}

// The range of the vertical axis: all values and levels, with a little room.
function extent(spec, low, high) {
  const levels = [...(spec.levels ?? []).map((level) => level.value), ...(spec.limit ? [spec.limit.value] : [])];
  const [least, most] = [Math.min(low ?? 0, ...levels), Math.max(high ?? 1, ...levels)];
  const room = (most - least || Math.abs(most) || 1) * 0.06;
  const fromZero = least >= 0 && (spec.fromZero || least < most * 0.25);
  return [fromZero ? 0 : least - room, most + room];
}

function drawRules(plot, spec) {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * scale}px system-ui, sans-serif`;
  const rule = (colourName, dash, from, to) => {
    ctx.strokeStyle = colour(colourName);
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash((dash ?? []).map((length) => length * scale));
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
  };
  for (const level of [...(spec.levels ?? []), ...(spec.limit ? [{ value: spec.limit.value, colour: "limit" }] : [])]) {
    const y = plot.valToPos(level.value, "y", true);
    rule(level.colour, level.dash, [bbox.left, y], [bbox.left + bbox.width, y]);
  }
  for (const mark of spec.marks ?? []) {
    const x = plot.valToPos(mark.x, "x", true);
    rule("soft", [3, 3], [x, bbox.top], [x, bbox.top + bbox.height]);
    ctx.fillStyle = colour("soft");
    ctx.textAlign = "right";
    ctx.fillText(mark.text, x - 6 * scale, bbox.top + 10 * scale);
  }
  ctx.restore();
}

function limitHandle(plot, spec) {
  const handle = h("div", { class: "limit-handle", title: "Drag to move the limit" });
  const place = (value) => {
    handle.textContent = spec.limit.text(value);
    handle.style.top = `${plot.valToPos(value, "y")}px`;
  };
  const valueAt = (event) => Math.max(plot.posToVal(event.clientY - plot.over.getBoundingClientRect().top, "y"), 0);
  handle.style.left = "6px";
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (moved) => {
      spec.limit.value = valueAt(moved);
      plot.redraw(false);
      place(spec.limit.value);
    };
    handle.onpointerup = () => {
      handle.onpointermove = handle.onpointerup = null;
      spec.limit.onMove(spec.limit.value);
    };
  });
  plot.over.append(handle);
  place(spec.limit.value);
  plot.hooks.setSize = [...(plot.hooks.setSize ?? []), () => place(spec.limit.value)];
}

function onKey(event, plot, spec) {
  const last = spec.xs.length - 1;
  const now = plot.cursor.left >= 0 ? plot.cursor.idx : (spec.home ?? last);
  const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 24, PageDown: now + 24, Home: 0, End: last };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const index = Math.min(Math.max(steps[event.key], 0), last);
  plot.setCursor({ left: plot.valToPos(spec.xs[index], "x"), top: 10 });
  announce([spec.xName(spec.xs[index]), ...parts(spec, index).filter((part) => part.text !== "–").map((part) => `${part.name} ${part.text}`)].join(", "));
}
