// The page: its rows, buttons and keys.

const STEP = 5; // seconds of an arrow key
const compares = stems.some((row) => row.reference);
let sought = null; // seconds under the knob of the position, while it moves

function show() {
  const seconds = sought ?? position();
  document.body.classList.toggle("playing", playing);
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("seek").value = seconds;
  $("seek").setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(piece.seconds)}`);
  fill($("seek"));
  $("now").textContent = clock(seconds);
  rows.forEach((row) => paint(row, seconds));
  showPractice();
  showBars();
  showCursor(seconds);
}

function follow() {
  if (!playing) return;
  softenJoin();
  show();
  requestAnimationFrame(follow);
}

function setGains(row) {
  for (const one of row.takes) ramp(one.gain.gain, one === take(row) ? level(row) : 0);
}

function mix() {
  for (const row of rows) {
    if (context) setGains(row);
    row.element.classList.toggle("silent", level(row) === 0);
    if (row.mixture) continue;
    listSpans(row);
    row.element.querySelector(".mute").setAttribute("aria-pressed", row.mute);
    row.element.querySelector(".solo").setAttribute("aria-pressed", row.solo);
    if (!row.reference) continue;
    row.element.querySelector(".true").setAttribute("aria-pressed", row.true);
    row.element.querySelector("small").textContent =
      row.true ? `true, ${row.reference.matched}` : "estimate";
  }
  document.querySelector(`input[value="${heard}"]`).checked = true;
}

function press(row, what) {
  row[what] = !row[what];
  choose("stems"); // a button of a stem switches to the stems
  show();
}

// All true stems, or all estimates where they are heard already; of the soloed rows, if any.
function compare() {
  const soloed = stems.filter((row) => row.solo);
  const switched = (soloed.length ? soloed : stems).filter((row) => row.reference);
  const change = switched.some((row) => !row.true);
  switched.forEach((row) => { row.true = change; });
  choose("stems");
  show();
}

function choose(what) {
  heard = what;
  mix();
}

function build(row) {
  row.element = $("row").content.cloneNode(true).querySelector("li");
  const find = (selector) => row.element.querySelector(selector);
  row.element.style.setProperty("--on-light", row.onLight);
  row.element.style.setProperty("--on-dark", row.onDark);
  find("b").textContent = row.label;
  find(".detail").textContent = row.detail;
  buildVolume(row, find(".volume"));
  if (row.mixture) find(".buttons").replaceChildren();
  else buildButtons(row, find);
  if (!row.notes.length) find(".roll").remove();
  row.element.querySelectorAll("canvas").forEach((canvas) => draggable(row, canvas));
  $("rows").append(row.element);
}

function buildVolume(row, volume) {
  volume.setAttribute("aria-label", `Volume of ${row.label}`);
  const turn = () => {
    row.volume = Number(volume.value);
    const decibels = 20 * Math.log10(row.volume);
    volume.setAttribute("aria-valuetext", row.volume ? `${decibels.toFixed(1)} dB` : "silent");
    volume.title = volume.getAttribute("aria-valuetext");
    fill(volume);
  };
  volume.addEventListener("input", () => { turn(); mix(); });
  turn();
}

function buildButtons(row, find) {
  const number = stems.indexOf(row) + 1;
  if (number < 10) find("kbd").textContent = number;
  if (!row.reference) find(".true").remove();
  const names = { mute: "Mute", solo: "Solo", true: "True stem of" };
  for (const [what, name] of Object.entries(names)) {
    const button = find(`.${what}`);
    button?.setAttribute("aria-label", `${name} ${row.label}`);
    button?.setAttribute("title", `${name} ${row.label}`);
    button?.addEventListener("click", () => press(row, what));
  }
}

function toggleHelp() {
  $("help").open = !$("help").open;
  if ($("help").open) $("help").scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "[": () => mark("from"), "]": () => mark("to"), l: toggleLoop, f: toggleFaster, p: toggleMuting,
  "-": () => setTempo(tempo - TEMPO_STEP), "+": () => setTempo(tempo + TEMPO_STEP),
  "=": () => setTempo(tempo + TEMPO_STEP), 0: () => setTempo(1),
  escape: clearLoop, "?": toggleHelp, t: compares && compare,
  x: stems.length < rows.length && (() => choose(heard === "stems" ? "mixture" : "stems")),
  ",": bars.length && (() => stepBar(-1)), ".": bars.length && (() => stepBar(1)),
};
const ARROWS = {
  arrowleft: () => seek(position() - STEP), arrowright: () => seek(position() + STEP),
  home: () => seek(0),
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const on = event.target, types = on.matches("input[type=number], select");
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const name = event.key.toLowerCase();
  const stem = digit && stems[digit[1] - 1];
  if (types && name !== "escape") return;
  if (stem && muting && !event.shiftKey) muteMarked(stem);
  else if (stem) press(stem, event.shiftKey ? "mute" : "solo");
  else if (name === " " && !on.matches("button, summary")) toggle();
  else if (ARROWS[name] && !on.matches("input")) ARROWS[name]();
  else if (KEYS[name]) KEYS[name]();
  else return;
  event.preventDefault();
  show();
}

// In a notebook: the theme of the page around it, and the height of its content.
function settle() {
  const frame = window.frameElement;
  if (!frame) return;
  document.documentElement.dataset.embedded = "";
  const style = (element) => element.ownerDocument.defaultView.getComputedStyle(element);
  for (let around = frame; around; around = around.parentElement) {
    const [red, green, blue, alpha = 1] =
      (/^rgba?\((.*)\)$/.exec(style(around).backgroundColor)?.[1] ?? "0,0,0,0")
        .split(",").map(Number);
    if (alpha === 0) continue;
    const dark = 0.3 * red + 0.6 * green + 0.1 * blue < 128;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    break;
  }
  const fitFrame = () => {
    const { height } = document.body.getBoundingClientRect();
    frame.style.height = `${Math.ceil(height)}px`;
  };
  new ResizeObserver(fitFrame).observe(document.body);
}

function redraw() {
  rows.forEach(trace);
  drawRuler();
  show();
}

$("rows").classList.toggle("compares", compares);
$("switches").hidden = !compares;
rows.forEach(build);
buildScore();
$("heard").hidden = stems.length === rows.length;
$("seek").max = piece.seconds;
$("end").textContent = clock(piece.seconds);
$("play").addEventListener("click", toggle);
$("seek").addEventListener("input", () => { sought = Number($("seek").value); show(); });
$("seek").addEventListener("change", () => { sought = null; seek(Number($("seek").value)); });
$("heard").addEventListener("change", (event) => choose(event.target.value));
wirePractice();
document.addEventListener("keydown", key);
document.addEventListener("click", (event) => {
  // A button that the mouse has pressed lets go of the keyboard, so that space plays again.
  if (event.detail) event.target.closest("button")?.blur();
});
try { settle(); } catch { /* a frame that may not look at the page around it */ }
mix();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
new ResizeObserver(redraw).observe($("rows"));
redraw();

// Read-only state, for tests.
window.stemPlayer = Object.freeze({
  seconds: piece.seconds,
  playing: () => playing,
  position,
  tempo: () => tempo,
  late: () => run?.late ?? 0,
  loop: () => ({ ...loop }),
  gains: (number = 0) => {
    graph();
    const present = rows.filter((row) => row.takes[number]);
    return Object.fromEntries(present.map((row) => [row.name, row.takes[number].gain.gain.value]));
  },
});
