// Draws one timer's history: runs on the grid of due points, how late they were, and how long they took, above one
// time axis. Canvas, because it is drawn anew several times a second.
import { duration } from './text.js';

const gutter = { left: 38, right: 54 };
const lanes = { runs: [3, 25], late: [41, 65], took: [79, 103] };
const axisBaseline = 121;
export const chartHeight = 126;
const ahead = 0.06; // of the width lies in the future: what is due next

export function paletteOf(element) {
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get('--ink'),
    muted: get('--muted'),
    rule: get('--rule'),
    faint: get('--faint'),
    run: get('--run'),
    bad: get('--bad'),
    warn: get('--warn'),
    line: get('--line'),
    font: `11px ${style.fontFamily}`,
  };
}

const [minute, hour, day] = [60, 3600, 86400];
// Quarters of these are times that people use.
const spans = [1, 2, 4, 8, 20].map((n) => n * minute).concat([1, 2, 4, 8, 24].map((n) => n * hour), [2, 4, 8, 28].map((n) => n * day));

/** How many seconds a chart shows: what was chosen, or room for some two dozen due points. */
export function span(choice, interval) {
  if (choice !== 'fit') return Number(choice);
  return spans.find((each) => each >= interval * 24) ?? spans.at(-1);
}

/** Resizes the canvas to what it takes on the screen. Returns its width in CSS pixels. */
function fit(canvas) {
  const width = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(chartHeight * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
  return width;
}

export function draw(canvas, { timer, history, seconds, now, palette }) {
  const width = fit(canvas);
  if (width < 160) return;
  const chart = new Chart(canvas.getContext('2d'), width, seconds, now, palette);
  chart.clear();
  chart.axis();
  chart.pauses(history.pauses);
  chart.grid(history.grids, timer);
  const visible = chart.visible(history.samples);
  chart.runs(visible, history);
  chart.values('late', visible, (sample) => sample.late, timer.maxDrift, 'max drift');
  chart.values('took', visible, (sample) => sample.took, timer.timeout, 'timeout');
  chart.marks(history.marks);
  chart.laneNames();
}

/** What is under `x` (CSS pixels from the canvas's left edge): the nearest sample within a finger's width, or null. */
export function sampleAt(canvas, x, { history, seconds, now }) {
  const left = gutter.left;
  const right = canvas.clientWidth - gutter.right;
  const perPixel = (seconds * (1 + ahead)) / (right - left);
  const time = now - seconds + (x - left) * perPixel;
  let best = null;
  let bestAway = 12 * perPixel;
  for (const sample of history.samples.newestFirst()) {
    const [from, to] = sample.kind === 'run' ? [sample.start, sample.start + sample.took] : [sample.from, sample.to];
    const away = time < from ? from - time : time > to ? time - to : 0;
    if (away < bestAway) [best, bestAway] = [sample, away];
    if (to < time - 60 * perPixel) break;
  }
  return best;
}

class Chart {
  constructor(context, width, seconds, now, palette) {
    this.c = context;
    this.width = width;
    this.left = gutter.left;
    this.right = width - gutter.right;
    this.from = now - seconds;
    this.to = now + seconds * ahead;
    this.now = now;
    this.seconds = seconds;
    this.palette = palette;
    this.perSecond = (this.right - this.left) / (this.to - this.from);
  }

  x(time) {
    return this.left + (time - this.from) * this.perSecond;
  }

  clear() {
    this.c.clearRect(0, 0, this.width, chartHeight);
    this.c.font = this.palette.font;
  }

  visible(samples) {
    const found = [];
    for (const sample of samples.newestFirst()) {
      const end = sample.kind === 'run' ? sample.start + sample.took : sample.to;
      if (end < this.from) break;
      found.push(sample);
    }
    return found.reverse();
  }

  axis() {
    const { c, palette } = this;
    c.strokeStyle = palette.rule;
    c.lineWidth = 1;
    for (const [, bottom] of Object.values(lanes)) this.#horizontal(bottom + 0.5, this.left, this.right);
    c.strokeStyle = palette.muted;
    this.#vertical(this.x(this.now), lanes.runs[0] - 3, lanes.took[1]);
    c.fillStyle = palette.muted;
    c.textBaseline = 'alphabetic';
    const narrow = this.right - this.left < 320;
    for (const part of narrow ? [1, 0.5, 0] : [1, 0.75, 0.5, 0.25, 0]) {
      c.textAlign = part === 1 ? 'left' : 'center';
      const text = part === 0 ? 'now' : `−${duration(this.seconds * part)}`;
      c.fillText(text, this.x(this.now - this.seconds * part), axisBaseline);
    }
  }

  laneNames() {
    const { c, palette } = this;
    c.fillStyle = palette.muted;
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    for (const [name, [top, bottom]] of Object.entries(lanes)) c.fillText(name, 0, (top + bottom) / 2);
  }

  pauses(pauses) {
    const { c, palette } = this;
    const [top, bottom] = lanes.runs;
    for (const { from, to } of pauses) {
      const a = Math.max(this.x(from), this.left);
      const b = Math.min(this.x(to ?? this.now), this.right);
      if (b <= a) continue;
      c.save();
      c.beginPath();
      c.rect(a, top, b - a, bottom - top);
      c.clip();
      c.strokeStyle = palette.muted;
      c.lineWidth = 1;
      c.beginPath();
      const height = bottom - top;
      // Stripes that stand still while the chart moves on.
      const phase = (((this.from * this.perSecond) % 7) + 7) % 7;
      for (let x = a - height - ((a - this.left + phase) % 7); x < b; x += 7) {
        c.moveTo(x, bottom);
        c.lineTo(x + height, top);
      }
      c.stroke();
      c.restore();
    }
  }

  /** Strokes below the runs' line, one a due point, as far as they can be told apart. */
  grid(grids, timer) {
    const { c, palette } = this;
    const bottom = lanes.runs[1];
    const all = [...grids];
    all.forEach((grid, n) => {
      const isLast = n === all.length - 1;
      const spacing = grid.interval * this.perSecond;
      if (spacing < 4) return;
      const begin = Math.max(grid.from, this.from);
      const end = isLast ? (timer.isPaused ? this.now : this.to) : Math.min(all[n + 1].from, this.to);
      c.strokeStyle = palette.muted;
      c.lineWidth = 1;
      const first = Math.ceil((begin - grid.phase) / grid.interval);
      for (let k = first; grid.phase + k * grid.interval <= end; ++k) {
        this.#vertical(this.x(grid.phase + k * grid.interval), bottom + 2, bottom + 6);
      }
    });
  }

  runs(samples, { current, heard }) {
    const { c, palette } = this;
    const [top, bottom] = lanes.runs;
    for (const sample of samples) {
      if (sample.kind === 'batch') {
        this.#batch(sample);
        continue;
      }
      const x = Math.max(this.x(sample.start), this.left);
      const width = Math.max(2, this.x(sample.start + sample.took) - x);
      if (sample.outcome === 'failed') {
        c.fillStyle = palette.bad;
        c.fillRect(x, top + 10, width, bottom - top - 10);
        this.#cross(x + width / 2, top + 4, 3, palette.bad);
      } else if (sample.outcome === 'cancelled') {
        c.fillStyle = palette.muted;
        c.fillRect(x, top + 10, width, bottom - top - 10);
      } else {
        c.fillStyle = sample.timedOut ? palette.warn : palette.run;
        const from = sample.timedOut ? top + 8 : top;
        c.fillRect(x, from, width, bottom - from);
      }
      if (sample.timedOut && sample.outcome !== 'failed') this.#triangle(x + width / 2, top, palette.warn);
    }
    if (current) {
      const x = Math.max(this.x(current.start), this.left);
      c.strokeStyle = palette.run;
      c.lineWidth = 1.5;
      c.strokeRect(x + 0.75, top + 0.75, Math.max(2, this.x(heard) - x - 1.5), bottom - top - 1.5);
    }
  }

  /** Several runs: one block, split as they ended. */
  #batch({ from, to, runs, failed, skipped }) {
    const { c, palette } = this;
    const [top, bottom] = lanes.runs;
    const x = Math.max(this.x(from), this.left);
    const width = Math.max(1, this.x(to) - x - 0.75);
    const height = bottom - top;
    const all = runs + skipped;
    const good = Math.round((height * (runs - failed)) / all);
    // One failure among a hundred must be seen.
    const bad = failed > 0 ? Math.max(3, Math.round((height * failed) / all)) : 0;
    c.fillStyle = palette.run;
    c.fillRect(x, bottom - Math.min(good, height - bad), width, Math.min(good, height - bad));
    c.fillStyle = palette.bad;
    if (bad) c.fillRect(x, bottom - Math.min(good, height - bad) - bad, width, bad);
    if (bad && width >= 8) this.#cross(x + width / 2, bottom - Math.min(good, height - bad) - bad / 2, 2.5, palette.faint);
    const hollow = height - good - bad;
    if (skipped > 0 && hollow >= 2) {
      c.strokeStyle = palette.muted;
      c.lineWidth = 1;
      c.strokeRect(x + 0.5, top + 0.5, Math.max(1, width - 1), hollow - 1);
    }
  }

  /** A line of values with a scale of its own; `limit` is drawn where it is within the scale. */
  values(lane, samples, valueOf, limit, limitName) {
    const { c, palette } = this;
    const [top, bottom] = lanes[lane];
    const relevant = samples.filter((sample) => sample.kind === 'run' || sample.runs > 0);
    const scale = niceCeiling(relevant.reduce((most, sample) => Math.max(most, valueOf(sample)), 0));
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    c.fillStyle = palette.muted;
    if (scale === 0) {
      if (relevant.length > 0) c.fillText('0', this.right + 6, bottom - 3);
      return;
    }
    c.fillText(duration(scale), this.right + 6, top + 2);
    const y = (value) => bottom - (value / scale) * (bottom - top);
    if (limit > 0 && limit <= scale) {
      c.strokeStyle = palette.warn;
      c.lineWidth = 1;
      c.setLineDash([3, 3]);
      this.#horizontal(Math.round(y(limit)) + 0.5, this.left, this.right);
      c.setLineDash([]);
      c.fillStyle = palette.warn;
      if (bottom - y(limit) < 18) c.fillText(limitName, this.right + 6, Math.max(y(limit), top + 13));
    }
    const place = (sample) => [
      Math.max(this.x(sample.kind === 'run' ? sample.start : sample.to), this.left),
      y(valueOf(sample)),
    ];
    c.strokeStyle = palette.line;
    c.globalAlpha = 0.45;
    c.lineWidth = 1;
    c.beginPath();
    relevant.forEach((sample, n) => (n ? c.lineTo(...place(sample)) : c.moveTo(...place(sample))));
    c.stroke();
    c.globalAlpha = 1;
    for (const sample of relevant) {
      const [px, py] = place(sample);
      const color = sample.outcome === 'failed' ? palette.bad : palette.line;
      if (sample.outcome === 'failed') {
        this.#cross(px, py, 2.5, color);
        continue;
      }
      c.beginPath();
      c.arc(px, py, sample.kind === 'run' ? 2 : 1.75, 0, 7);
      if (sample.kind === 'run') {
        c.fillStyle = color;
        c.fill();
      } else {
        c.fillStyle = palette.faint;
        c.fill();
        c.strokeStyle = color;
        c.stroke();
      }
    }
  }

  marks(marks) {
    const { c, palette } = this;
    let free = -Infinity; // where the next label has room
    for (const { at, text } of marks) {
      if (at < this.from) continue;
      c.strokeStyle = palette.warn;
      c.lineWidth = 1;
      c.setLineDash([2, 3]);
      this.#vertical(this.x(at), lanes.runs[0], lanes.took[1]);
      c.setLineDash([]);
      c.fillStyle = palette.warn;
      c.textBaseline = 'middle';
      const width = c.measureText(text).width + 8;
      const begin = this.x(at) + width > this.right ? this.x(at) - width : this.x(at);
      if (begin < free) continue;
      free = begin + width;
      c.textAlign = 'left';
      c.fillText(text, begin + 4, lanes.runs[1] + 11);
    }
  }

  #horizontal(y, from, to) {
    this.c.beginPath();
    this.c.moveTo(from, y);
    this.c.lineTo(to, y);
    this.c.stroke();
  }

  #vertical(x, from, to) {
    this.c.beginPath();
    this.c.moveTo(x, from);
    this.c.lineTo(x, to);
    this.c.stroke();
  }

  #cross(x, y, size, color) {
    const { c } = this;
    c.strokeStyle = color;
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(x - size, y - size);
    c.lineTo(x + size, y + size);
    c.moveTo(x + size, y - size);
    c.lineTo(x - size, y + size);
    c.stroke();
  }

  #triangle(x, y, color) {
    const { c } = this;
    c.fillStyle = color;
    c.beginPath();
    c.moveTo(x - 4, y);
    c.lineTo(x + 4, y);
    c.lineTo(x, y + 6);
    c.fill();
  }
}

/** 1, 2 or 5 times a power of ten; 0 for 0. */
function niceCeiling(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value * 0.9999) * power;
}
