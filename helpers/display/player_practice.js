// Practising: marks on the waveforms, loops, muted passages, the tempo.

const CLICK = 4; // pixels that a click may move
const GRAB = 8; // pixels beside a mark in which a drag moves it
const TEMPO_STEP = 0.05;

let muting = false; // whether a drag over a stem mutes that passage
let dragging = null; // the span under the pointer

function setLoop(from, to, on = loop.on) {
  const marks = { from, to, on };
  if (from !== null && to !== null) {
    marks.from = Math.max(0, Math.min(from, to));
    marks.to = Math.min(piece.seconds, Math.max(from, to));
    if (marks.to - marks.from < SHORTEST_LOOP) return;
  } else marks.on = false;
  around(() => Object.assign(loop, marks));
}

const spanText = ([from, to]) => `${precise(from)}–${precise(to)}`;

function mark(side) {
  const at = position();
  const { from, to } = { ...loop, [side]: at };
  const turned = from !== null && to !== null && from >= to;
  if (turned) setLoop(side === "from" ? at : null, side === "to" ? at : null);
  else setLoop(from, to, from !== null && to !== null);
}

function toggleLoop() {
  if (loop.from === null || loop.to === null) return;
  around(() => { loop.on = !loop.on; });
}

const clearLoop = () => setLoop(null, null);

function toggleMuting() {
  muting = !muting;
  show();
}

// The marked passage of a stem, for the keyboard.
function muteMarked(row) {
  if (loop.from !== null && loop.to !== null) mutePassage(row, loop.from, loop.to);
  mix();
}

function secondsAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1) * piece.seconds;
}

// A click plays from there; a drag sets the loop, or mutes that passage of the stem.
function draggable(row, canvas) {
  let pressed = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const at = secondsAt(canvas, event);
    const near = (GRAB / canvas.clientWidth) * piece.seconds;
    const mutes = !row.mixture && (muting || event.shiftKey);
    const grabs = !mutes && loop.from !== null && loop.to !== null;
    let from = at; // or, where a drag moves a mark, the other mark
    if (grabs && Math.abs(at - loop.from) < near) from = loop.to;
    else if (grabs && Math.abs(at - loop.to) < near) from = loop.from;
    pressed = { x: event.clientX, from, mutes };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pressed || (!dragging && Math.abs(event.clientX - pressed.x) < CLICK)) return;
    const ends = [pressed.from, secondsAt(canvas, event)].sort((a, b) => a - b);
    dragging = { from: ends[0], to: ends[1] };
    show();
  });
  canvas.addEventListener("pointerup", (event) => {
    const drawn = dragging, was = pressed;
    dragging = pressed = null;
    if (!was) return;
    if (!drawn) clicked(row, canvas, event, was.mutes);
    else if (was.mutes) mutePassage(row, drawn.from, drawn.to);
    else setLoop(drawn.from, drawn.to, true);
    mix();
    show();
  });
  canvas.addEventListener("pointercancel", () => { dragging = pressed = null; show(); });
}

function clicked(row, canvas, event, mutes) {
  const at = secondsAt(canvas, event);
  const span = row.spans.find(([from, to]) => from <= at && at <= to);
  if (mutes && span) return setSpans(row, row.spans.filter((other) => other !== span));
  seek(canvas === row.roll ? noteAt(row, event) ?? at : at);
}

// The onset of the note under the pointer, or of the nearest one within CLICK pixels.
function noteAt(row, event) {
  const box = row.roll.getBoundingClientRect(), scale = row.roll.width / box.width;
  const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  const outside = (at, from, size) => Math.max(from - at, 0, at - from - size);
  const away = (note) =>
    Math.hypot(outside(x, note.x, note.wide), outside(y, note.y, note.tall));
  const nearest = row.boxes.reduce((one, other) => (away(other) < away(one) ? other : one));
  return away(nearest) <= CLICK * scale ? nearest.onset : undefined;
}

// The muted passages of a row as buttons that remove them.
function listSpans(row) {
  const list = row.element.querySelector(".spans");
  const text = JSON.stringify(row.spans);
  if (list.dataset.spans === text) return;
  list.dataset.spans = text;
  list.replaceChildren(...row.spans.map((span) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `muted ${spanText(span)} ×`;
    button.setAttribute("aria-label", `Unmute ${row.label} ${precise(span[0])} to ${precise(span[1])}`);
    button.addEventListener("click", () => {
      setSpans(row, row.spans.filter((other) => other !== span));
      mix();
      show();
    });
    return button;
  }));
}

function marksText() {
  const { from, to } = loop;
  if (from !== null && to !== null) return spanText([from, to]);
  if (from !== null) return `from ${precise(from)}`;
  return to !== null ? `to ${precise(to)}` : "no marks";
}

// Only what is new: a screen reader reads it out.
function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

function showPractice() {
  const { from, to } = loop, set = from !== null && to !== null;
  const slider = $("tempo");
  if (!slider.matches(":active")) slider.value = tempo;
  fill(slider);
  say("tempo-now", `${Math.round(100 * tempo)} %`);
  slider.setAttribute("aria-valuetext", `${Math.round(100 * tempo)} percent`);
  $("loop").setAttribute("aria-pressed", looped());
  $("loop").disabled = !set;
  $("clear").disabled = from === null && to === null;
  say("marks", marksText());
  $("faster").setAttribute("aria-pressed", loop.faster);
  $("rounds").hidden = !loop.faster;
  $("muting").setAttribute("aria-pressed", muting);
  document.body.classList.toggle("muting", muting);
}

function wirePractice() {
  document.querySelectorAll("[data-tempo]").forEach((part) => { part.hidden = !canChangeTempo; });
  const change = {
    tempo: () => setTempo(Number($("tempo").value)),
    step: () => { loop.step = Number($("step").value) / 100; },
    limit: () => around(() => { loop.limit = clean(Number($("limit").value) / 100); }),
  };
  for (const [id, does] of Object.entries(change)) $(id).addEventListener("change", does);
  $("tempo").addEventListener("input", () => {
    $("tempo-now").textContent = `${Math.round(100 * $("tempo").value)} %`;
    fill($("tempo"));
  });
  const click = {
    "mark-from": () => mark("from"), "mark-to": () => mark("to"), loop: toggleLoop,
    clear: clearLoop, muting: toggleMuting, faster: toggleFaster,
  };
  for (const [id, does] of Object.entries(click)) $(id).addEventListener("click", does);
}

function toggleFaster() {
  if (canChangeTempo) around(() => { loop.faster = !loop.faster; });
}

