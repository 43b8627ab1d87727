"use strict";
(() => {
  const piece = JSON.parse(document.getElementById("piece").textContent);
  const $ = (id) => document.getElementById(id);
  const STEP = 5; // seconds of an arrow key
  const FADE = 0.015; // seconds of every change of gain, so that none clicks

  // What is heard: one entry for each row, and the choice between the mixture and the stems. A row
  // has one or two takes, the estimate and the true stem, of which one is heard.
  const rows = piece.rows.map((row) => ({
    ...row,
    takes: [{ audio: row.audio, peaks: row.peaks }, row.reference].filter(Boolean),
    volume: 1, mute: false, solo: false, true: false,
  }));
  const stems = rows.filter((row) => !row.mixture);
  let heard = "stems";

  function level(row) {
    if (row.mixture) return heard === "mixture" ? row.volume : 0;
    const sounds = stems.some((stem) => stem.solo) ? row.solo : !row.mute;
    return heard === "stems" && sounds ? row.volume : 0;
  }

  const takes = rows.flatMap((row) => row.takes);
  const take = (row) => row.takes[Number(row.true)];

  // The audio graph: a source and a gain for each take, one master. Made when it is first needed.
  let context = null, master = null, decoded = null;
  let playing = false, began = 0, offset = 0;

  function graph() {
    if (context) return context;
    try {
      context = new AudioContext({ sampleRate: piece.sampleRate });
    } catch {
      context = new AudioContext(); // a rate that this browser cannot run at: it resamples
    }
    master = new GainNode(context);
    master.connect(context.destination);
    for (const row of rows) {
      for (const one of row.takes) {
        one.gain = new GainNode(context, { gain: one === take(row) ? level(row) : 0 });
        one.gain.connect(master);
      }
    }
    return context;
  }

  function decode() {
    decoded ??= Promise.all(takes.map(async (one) => {
      if (!one.audio) return;
      const bytes = Uint8Array.from(atob(one.audio), (letter) => letter.charCodeAt(0));
      one.buffer = await context.decodeAudioData(bytes.buffer);
      one.audio = true; // the text is not needed any more
    })).then(() => takes.filter((one) => !one.buffer).forEach(sum));
    return decoded;
  }

  function sum(mixture) {
    const { numberOfChannels, length, sampleRate } = stems[0].takes[0].buffer;
    mixture.buffer = new AudioBuffer({ numberOfChannels, length, sampleRate });
    for (let channel = 0; channel < numberOfChannels; channel++) {
      const total = mixture.buffer.getChannelData(channel);
      for (const stem of stems) {
        stem.takes[0].buffer.getChannelData(channel).forEach((x, i) => { total[i] += x; });
      }
    }
  }

  function ramp(parameter, value) {
    const now = context.currentTime;
    parameter.cancelScheduledValues(now);
    if (context.state === "running") {
      parameter.setValueAtTime(parameter.value, now);
      parameter.linearRampToValueAtTime(value, now + FADE);
    } else {
      parameter.value = value;
    }
  }

  const position = () =>
    playing ? Math.min(piece.seconds, offset + Math.max(0, context.currentTime - began)) : offset;

  function start() {
    began = context.currentTime + FADE;
    for (const one of takes) {
      one.source = new AudioBufferSourceNode(context, { buffer: one.buffer });
      one.source.connect(one.gain);
      one.source.start(began, offset);
    }
    takes[0].source.onended = () => { stop(); offset = 0; show(); };
    master.gain.setValueAtTime(0, began);
    master.gain.linearRampToValueAtTime(1, began + FADE);
    playing = true;
  }

  function stop() {
    offset = position();
    playing = false;
    takes[0].source.onended = null;
    ramp(master.gain, 0);
    for (const one of takes) one.source.stop(context.currentTime + FADE);
  }

  async function play() {
    graph();
    $("play").setAttribute("aria-busy", "true");
    try {
      await Promise.all([context.resume(), decode()]);
    } catch {
      $("trouble").textContent =
        "This browser cannot decode the audio; use a current Chrome, Edge, Firefox or Safari.";
      $("trouble").hidden = false;
      return;
    } finally {
      $("play").removeAttribute("aria-busy");
    }
    if (playing) return;
    if (offset >= piece.seconds) offset = 0;
    start();
    follow();
  }

  function toggle() {
    if (!playing) return play();
    stop();
    show();
  }

  function seek(seconds) {
    const again = playing;
    if (again) stop();
    offset = Math.min(Math.max(0, seconds), piece.seconds);
    if (again && offset < piece.seconds) start();
    show();
  }

  // The page.
  let dragged = null; // seconds under the pointer, while it drags

  function clock(seconds) {
    const whole = Math.floor(seconds + 1e-6);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  function fill(slider) {
    slider.style.setProperty("--fill", `${(100 * slider.value) / slider.max}%`);
  }

  function show() {
    const seconds = dragged ?? position();
    document.body.classList.toggle("playing", playing);
    $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    $("seek").value = seconds;
    $("seek").setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(piece.seconds)}`);
    fill($("seek"));
    $("now").textContent = clock(seconds);
    rows.forEach((row) => paint(row, seconds / piece.seconds));
  }

  function follow() {
    if (!playing) return;
    show();
    requestAnimationFrame(follow);
  }

  function mix() {
    for (const row of rows) {
      if (context) row.takes.forEach((one) => ramp(one.gain.gain, one === take(row) ? level(row) : 0));
      row.element.classList.toggle("silent", level(row) === 0);
      if (row.mixture) continue;
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
    heard = "stems"; // a button of a stem switches to the stems
    mix();
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

  function trace(row) {
    const canvas = row.element.querySelector("canvas");
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    const thin = scale / 2;
    const y = (peak, side) => (1 - peak / 100) * (canvas.height / 2) + side * thin;
    row.canvas = canvas;
    for (const one of row.takes) {
      const { peaks } = one, path = one.path = new Path2D();
      const x = (i) => (i / (peaks.length - 1 || 1)) * canvas.width;
      peaks.forEach(([, high], i) => path.lineTo(x(i), y(high, -1)));
      [...peaks.entries()].reverse().forEach(([i, [low]]) => path.lineTo(x(i), y(low, 1)));
      path.closePath();
    }
  }

  function paint(row, share) {
    const { canvas } = row, { path } = take(row), pen = canvas.getContext("2d"), edge = share * canvas.width;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = getComputedStyle(canvas).color;
    for (const [from, to, strength] of [[0, edge, 1], [edge, canvas.width, 0.5]]) {
      pen.save();
      pen.beginPath();
      pen.rect(from, 0, to - from, canvas.height);
      pen.clip();
      pen.globalAlpha = strength;
      pen.fill(path);
      pen.restore();
    }
    if (share > 0) pen.fillRect(Math.min(edge, canvas.width - 1), 0, window.devicePixelRatio, canvas.height);
  }

  function drag(canvas) {
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1);
      return share * piece.seconds;
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      dragged = at(event);
      show();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (dragged === null) return;
      dragged = at(event);
      show();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (dragged === null) return;
      dragged = null;
      seek(at(event));
    });
    canvas.addEventListener("pointercancel", () => { dragged = null; show(); });
  }

  function build(row) {
    row.element = $("row").content.cloneNode(true).querySelector("li");
    const find = (selector) => row.element.querySelector(selector);
    row.element.style.setProperty("--on-light", row.onLight);
    row.element.style.setProperty("--on-dark", row.onDark);
    find("b").textContent = row.label;
    const volume = find(".volume");
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
    if (row.mixture) {
      find(".buttons").replaceChildren();
    } else {
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
    drag(find("canvas"));
    $("rows").append(row.element);
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target;
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const slides = on.matches("input");
    const does = {
      " ": !on.matches("button, summary") && toggle,
      ArrowLeft: !slides && (() => seek(position() - STEP)),
      ArrowRight: !slides && (() => seek(position() + STEP)),
      Home: !slides && (() => seek(0)),
      t: compares && compare,
      x: stems.length < rows.length && (() => choose(heard === "stems" ? "mixture" : "stems")),
    }[event.key.length > 1 ? event.key : event.key.toLowerCase()];
    if (digit && stems[digit[1] - 1]) press(stems[digit[1] - 1], event.shiftKey ? "mute" : "solo");
    else if (does) does();
    else return;
    event.preventDefault();
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
    const fit = () => { frame.style.height = `${Math.ceil(document.body.getBoundingClientRect().height)}px`; };
    new ResizeObserver(fit).observe(document.body);
  }

  function redraw() {
    rows.forEach(trace);
    show();
  }

  const compares = stems.some((row) => row.reference);
  $("rows").classList.toggle("compares", compares);
  $("switches").hidden = !compares;
  rows.forEach(build);
  $("heard").hidden = stems.length === rows.length;
  $("seek").max = piece.seconds;
  $("end").textContent = clock(piece.seconds);
  $("play").addEventListener("click", toggle);
  $("seek").addEventListener("input", () => { dragged = Number($("seek").value); show(); });
  $("seek").addEventListener("change", () => { dragged = null; seek(Number($("seek").value)); });
  $("heard").addEventListener("change", (event) => choose(event.target.value));
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
    gains: (number = 0) => {
      graph();
      const present = rows.filter((row) => row.takes[number]);
      return Object.fromEntries(present.map((row) => [row.name, row.takes[number].gain.gain.value]));
    },
  });
})();
