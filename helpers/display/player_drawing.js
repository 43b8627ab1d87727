// Waveforms, piano rolls, the playhead, and the marks on them.

const HATCH = 6; // pixels between the strokes over a muted passage
const FEWEST_SEMITONES = 12; // that a piano roll is high

function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// With tenths, for marks.
function precise(seconds) {
  const tenths = Math.round(10 * seconds);
  return `${clock(tenths / 10)}.${tenths % 10}`;
}

function fill(slider) {
  const share = (slider.value - slider.min) / (slider.max - slider.min);
  slider.style.setProperty("--fill", `${100 * share}%`);
}

function fit(canvas) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  return canvas;
}

// The outlines of what a row draws; made anew when its size changes.
function trace(row) {
  row.wave = fit(row.element.querySelector(".wave"));
  const { width, height } = row.wave, thin = (window.devicePixelRatio || 1) / 2;
  const y = (peak, side) => (1 - peak / 100) * (height / 2) + side * thin;
  for (const one of row.takes) {
    const { peaks } = one, path = one.path = new Path2D();
    const x = (i) => (i / (peaks.length - 1 || 1)) * width;
    peaks.forEach(([, high], i) => path.lineTo(x(i), y(high, -1)));
    [...peaks.entries()].reverse().forEach(([i, [low]]) => path.lineTo(x(i), y(low, 1)));
    path.closePath();
  }
  if (row.notes.length) traceNotes(row);
}

function traceNotes(row) {
  row.roll = fit(row.element.querySelector(".roll"));
  const scale = window.devicePixelRatio || 1, { width, height } = row.roll;
  const pitches = row.notes.map(([, , pitch]) => pitch);
  const middle = (Math.min(...pitches) + Math.max(...pitches)) / 2;
  const range = Math.max(FEWEST_SEMITONES, Math.max(...pitches) - Math.min(...pitches) + 1);
  const tall = Math.max(2 * scale, Math.min(height / range, 6 * scale));
  row.boxes = row.notes.map(([onset, duration, pitch]) => ({
    onset,
    x: (onset / piece.seconds) * width,
    y: (height - tall) * (0.5 - (pitch - middle) / range),
    wide: Math.max(scale, (duration / piece.seconds) * width - scale / 2),
    tall,
  }));
  row.path = new Path2D();
  for (const { x, y, wide, tall: high } of row.boxes) row.path.rect(x, y, wide, high);
}

function paint(row, seconds) {
  paintOn(row, row.wave, take(row).path, seconds);
  if (row.roll) paintOn(row, row.roll, row.path, seconds);
}

function paintOn(row, canvas, path, seconds) {
  const pen = canvas.getContext("2d"), { width, height } = canvas;
  const x = (at) => (at / piece.seconds) * width, edge = x(seconds);
  const { color, caretColor } = getComputedStyle(canvas);
  pen.clearRect(0, 0, width, height);
  paintMarks(pen, x, height, caretColor);
  pen.fillStyle = pen.strokeStyle = color;
  for (const [from, to, strength] of [[0, edge, 1], [edge, width, 0.5]]) {
    within(pen, from, to, height, () => {
      pen.globalAlpha = strength;
      pen.fill(path);
    });
  }
  row.spans.forEach(([from, to]) => hatch(pen, x(from), x(to), height));
  if (seconds > 0) pen.fillRect(Math.min(edge, width - 1), 0, window.devicePixelRatio, height);
}

function within(pen, from, to, height, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, to - from, height);
  pen.clip();
  draw();
  pen.restore();
}

// The loop, or what is being dragged, as a band; a single mark as a line.
function paintMarks(pen, x, height, colour) {
  const { from, to } = dragging ?? loop, thin = window.devicePixelRatio || 1;
  pen.save();
  pen.fillStyle = colour;
  if (from !== null && to !== null) {
    pen.globalAlpha = dragging || loop.on ? 0.22 : 0.1;
    pen.fillRect(x(from), 0, x(to) - x(from), height);
  }
  pen.globalAlpha = 1;
  for (const mark of [from, to]) if (mark !== null) pen.fillRect(x(mark) - thin / 2, 0, thin, height);
  pen.restore();
}

function hatch(pen, from, to, height) {
  const scale = window.devicePixelRatio || 1, gap = HATCH * scale;
  within(pen, from, to, height, () => {
    pen.lineWidth = 1.5 * scale;
    pen.beginPath();
    for (let x = from - height; x < to; x += gap) {
      pen.moveTo(x, height);
      pen.lineTo(x + height, 0);
    }
    pen.stroke();
    pen.strokeRect(from, 0, to - from, height);
  });
}

