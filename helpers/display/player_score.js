// With a score: bars as marks of the loop, and engraved pages with a cursor.

const AROUND = 10; // pixels above and below a bar that belong to it
const LABEL = 30; // pixels that the number of a bar needs
// A notebook's player may end before the recording.
const bars = piece.bars.filter(([, start]) => start < piece.seconds).map(
  ([number, start], i, all) => ({ number, start, end: all[i + 1]?.[1] ?? piece.seconds }));

const barAt = (seconds) => {
  const after = bars.findIndex((bar) => bar.start > seconds);
  return (after < 0 ? bars.length : after) - 1;
};

function loopBars(first, last) {
  const ends = [first, last].sort((a, b) => a - b);
  setLoop(bars[ends[0]].start, bars[ends[1]].end, true);
}

// To the start of the bar, or of the one before where it has just begun; or of the next.
function stepBar(step) {
  const at = position(), bar = barAt(at);
  const near = step < 0 && bar >= 0 && at - bars[bar].start > 0.5 ? bar : bar + step;
  if (bars[near]) seek(bars[near].start);
}

// The ruler: numbers as far as they have room. A click loops a bar, Shift or a drag more of them.
function drawRuler() {
  const ruler = $("ruler"), width = ruler.clientWidth;
  let last = -LABEL;
  ruler.replaceChildren(...bars.flatMap(({ number, start }) => {
    const x = (start / piece.seconds) * width;
    if (x - last < LABEL) return [];
    last = x;
    const text = document.createElement("span");
    text.textContent = number;
    text.style.left = `${x}px`;
    return [text];
  }));
}

function wireRuler() {
  const ruler = $("ruler");
  let first = null;
  const under = (event) => Math.max(0, barAt(secondsAt(ruler, event)));
  ruler.addEventListener("pointerdown", (event) => {
    ruler.setPointerCapture(event.pointerId);
    const marked = event.shiftKey && loop.from !== null;
    first = marked ? Math.max(0, barAt(loop.from + 1e-3)) : under(event);
  });
  ruler.addEventListener("pointermove", (event) => {
    if (first === null) return;
    const ends = [first, under(event)].sort((a, b) => a - b);
    dragging = { from: bars[ends[0]].start, to: bars[ends[1]].end };
    show();
  });
  ruler.addEventListener("pointerup", (event) => {
    if (first !== null) loopBars(first, under(event));
    first = dragging = null;
    show();
  });
  ruler.addEventListener("pointercancel", () => { first = dragging = null; show(); });
}

// Two lists of bars, for the keyboard, screen readers, and pieces with many bars.
function wireBarLists() {
  for (const id of ["bar-from", "bar-to"]) {
    const options = bars.map(({ number, start }, i) => new Option(`${number} (${clock(start)})`, i));
    $(id).append(...options);
    $(id).value = "";
    $(id).addEventListener("change", () => {
      const [first, last] = ["bar-from", "bar-to"].map((list) => $(list).value);
      loopBars(Number(first || last), Number(last || first));
    });
  }
}

function showBars() {
  if (!bars.length) return;
  const pick = (id, mark, near) => {
    const bar = mark === null ? "" : String(Math.max(0, barAt(mark + near)));
    if ($(id).value !== bar) $(id).value = bar;
  };
  pick("bar-from", loop.from, 1e-3);
  pick("bar-to", loop.to, -1e-3);
}

// Engraved pages: each bar that is played has the measure with its number.
let measures = [];

function buildEngraving() {
  const parser = new DOMParser();
  for (const text of piece.engraved) {
    const svg = parser.parseFromString(text, "image/svg+xml").documentElement;
    svg.querySelectorAll("script").forEach((script) => script.remove());
    const sheet = document.createElement("div");
    sheet.className = "sheet";
    sheet.append(document.importNode(svg, true));
    $("sheets").append(sheet);
  }
  const found = new Map();
  for (const measure of $("sheets").querySelectorAll("g.measure[data-n]")) {
    if (!found.has(measure.dataset.n)) found.set(measure.dataset.n, measure);
  }
  measures = bars.map(({ number }) => found.get(number));
  $("sheets").addEventListener("click", clickMeasure);
}

function clickMeasure(event) {
  const inside = (measure) => {
    const box = measure?.getBoundingClientRect();
    return box && event.clientX >= box.left && event.clientX <= box.right &&
      event.clientY >= box.top - AROUND && event.clientY <= box.bottom + AROUND;
  };
  const passes = bars.filter((_, bar) => inside(measures[bar]));
  // Of a repeated bar the next pass; after the last one the first again.
  const next = passes.find(({ start }) => start > position() + 1e-3) ?? passes[0];
  if (next) seek(next.start);
}

// Left and right end of the measure's lines, top and bottom of its staves.
function measureBox(measure) {
  const lines = [...measure.querySelectorAll("g.staff > path")];
  const boxes = (lines.length ? lines : [measure]).map((line) => line.getBoundingClientRect());
  const top = Math.min(...boxes.map((box) => box.top));
  const bottom = Math.max(...boxes.map((box) => box.bottom));
  return { left: boxes[0].left, right: boxes[0].right, top, bottom };
}

function showCursor(seconds) {
  if (!piece.engraved.length) return;
  const bar = barAt(seconds), cursor = $("cursor");
  cursor.hidden = !measures[bar];
  if (cursor.hidden) return;
  const { start, end } = bars[bar], box = measureBox(measures[bar]);
  const frame = $("sheets").getBoundingClientRect(), { scrollTop, scrollLeft } = $("sheets");
  const share = (seconds - start) / (end - start || 1);
  const x = box.left + share * (box.right - box.left);
  cursor.style.left = `${x - frame.left + scrollLeft}px`;
  cursor.style.top = `${box.top - frame.top + scrollTop - AROUND}px`;
  cursor.style.height = `${box.bottom - box.top + 2 * AROUND}px`;
  if (!playing) return; // or else bring it into view
  const below = box.top < frame.top || box.bottom > frame.bottom;
  if (below) $("sheets").scrollTop += box.top - frame.top - 2 * AROUND;
  if (x < frame.left || x > frame.right) $("sheets").scrollLeft += x - frame.left - frame.width / 4;
}

function buildScore() {
  $("bars").hidden = !bars.length;
  $("bar-lists").hidden = !bars.length;
  $("bar-keys").hidden = !bars.length;
  $("sheets").hidden = !piece.engraved.length;
  if (!bars.length) return;
  wireRuler();
  wireBarLists();
  if (piece.engraved.length) buildEngraving();
}

