// What is heard, and the audio graph: a gain for each take, one master, one door that fades.

const piece = JSON.parse(document.getElementById("piece").textContent);
const $ = (id) => document.getElementById(id);
const FADE = 0.015; // seconds of every change of gain, so that none clicks
const EDGE = 0.005; // seconds of the fade at each end of a muted passage

// One entry for each row, and the choice between the mixture and the stems. A row has one or two
// takes, the estimate and the true stem, of which one is heard. spans: its muted passages.
const rows = piece.rows.map((row) => ({
  ...row,
  takes: [{ audio: row.audio, peaks: row.peaks }, row.reference].filter(Boolean),
  volume: 1, mute: false, solo: false, true: false, spans: [],
}));
const stems = rows.filter((row) => !row.mixture);
const takes = rows.flatMap((row) => row.takes);
const take = (row) => row.takes[Number(row.true)];
let heard = "stems";

function level(row) {
  if (row.mixture) return heard === "mixture" ? row.volume : 0;
  const sounds = stems.some((stem) => stem.solo) ? row.solo : !row.mute;
  return heard === "stems" && sounds ? row.volume : 0;
}

let context = null, master = null, door = null, decoded = null;

// Made when it is first needed.
function graph() {
  if (context) return context;
  try {
    context = new AudioContext({ sampleRate: piece.sampleRate });
  } catch {
    context = new AudioContext(); // a rate that this browser cannot run at: it resamples
  }
  master = new GainNode(context);
  door = new GainNode(context, { gain: 0 });
  master.connect(door);
  door.connect(context.destination);
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
  })).then(() => {
    takes.filter((one) => !one.buffer).forEach(sum);
    rows.forEach(silenceSpans);
  });
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

// Muted passages are silent in the samples themselves, and so hold at every tempo and in loops.
function silenceSpans(row) {
  for (const one of row.takes) {
    if (!one.buffer) continue;
    (one.kept ?? []).forEach(({ at, channels }) =>
      channels.forEach((samples, channel) => one.buffer.copyToChannel(samples, channel, at)));
    one.kept = row.spans.map((span) => silence(one.buffer, span));
  }
}

// Returns the samples that were there.
function silence(buffer, [from, to]) {
  const at = Math.round(from * buffer.sampleRate);
  const end = Math.min(buffer.length, Math.round(to * buffer.sampleRate));
  const edge = EDGE * buffer.sampleRate, channels = [];
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel);
    channels.push(samples.slice(at, end));
    for (let i = at; i < end; i++) {
      samples[i] *= Math.max(0, 1 - Math.min(i - at, end - 1 - i) / edge);
    }
  }
  return { at, channels };
}

// A muted passage more; those that touch become one.
function mutePassage(row, from, to) {
  const apart = row.spans.filter(([start, end]) => end < from || start > to);
  const joined = row.spans.filter((span) => !apart.includes(span));
  const ends = [...joined.flat(), from, to];
  setSpans(row, [...apart, [Math.min(...ends), Math.max(...ends)]].sort((a, b) => a[0] - b[0]));
}

function setSpans(row, spans) {
  row.spans = spans;
  silenceSpans(row);
  if (playing) seek(position()); // a source that plays may hold a copy of the samples
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

