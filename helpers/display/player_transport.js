// Playing: position, tempo, and loops.

const TEMPI = [0.25, 1.5];
const BLOCK = 150; // milliseconds of music in a block of the tempo change
const LONGEST_BLOCK = 480;
const SHORTEST_LOOP = 0.1; // seconds
const JOIN = 0.004; // seconds of the fades on each side of the join of a loop

// Marks of the loop in seconds, null where not set. Each round is `step` faster, up to `limit`.
const loop = { from: null, to: null, on: false, faster: false, step: 0.05, limit: 1 };
let tempo = 1; // the one that is asked for
let playing = false, offset = 0;
let run = null; // while playing: when it began, from where, how fast, how late, round what
let asked = 0; // counts the requests, so that an answer that comes late is dropped
let stretching = null, stretched = null; // the node that brings the pitch back, once it is loaded
let ending = 0; // a timer

const canChangeTempo = $("stretch").textContent !== "";
const looped = () => loop.on && loop.from !== null && loop.to !== null;

function position() {
  if (!playing) return offset;
  const at = offset + Math.max(0, context.currentTime - run.began - run.late) * run.tempo;
  const { round } = run;
  if (!round) return Math.min(piece.seconds, at);
  if (at < round.to) return at;
  return round.once ? round.to : round.from + (at - round.from) % (round.to - round.from);
}

// All takes play slower or faster together, which keeps them in sync to the sample, and change
// their pitch; one node behind the master brings the pitch back.
async function prepareTempo() {
  stretching ??= loadStretch();
  const node = await stretching, wanted = tempo;
  const blockMs = Math.min(LONGEST_BLOCK, BLOCK * Math.max(1, 1 / wanted));
  await node.configure({ blockMs, splitComputation: true });
  await node.schedule({ active: true, semitones: -12 * Math.log2(wanted), tonalityHz: 0 });
  Object.assign(node, { tempo: wanted, late: await node.latency() });
  stretched = node;
}

async function loadStretch() {
  const code = $("stretch").textContent;
  const script = document.createElement("script");
  script.textContent = code;
  document.head.append(script);
  // A page that was opened from disk may load a worklet from a data address only.
  SignalsmithStretch.moduleUrl = `data:text/javascript,${encodeURIComponent(code)}`;
  const channels = Math.max(...takes.map((one) => one.buffer.numberOfChannels));
  const node = await SignalsmithStretch(context, {
    numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [channels],
    channelCount: channels, channelCountMode: "explicit",
  });
  node.connect(door);
  return node;
}

// Whether the tempo that is asked for can be played at once.
const ready = () => tempo === 1 || stretched?.tempo === tempo;

function begin() {
  const node = tempo === 1 ? null : stretched;
  master.disconnect();
  master.connect(node ?? door);
  const round = looped() && {
    from: loop.from, to: loop.to, once: loop.faster && tempo < loop.limit,
  };
  if (round && offset >= round.to) offset = round.from;
  run = { began: context.currentTime + FADE, late: node ? node.late : 0, tempo, round };
  for (const one of takes) {
    one.source = new AudioBufferSourceNode(context, {
      buffer: one.buffer, playbackRate: tempo,
      loop: Boolean(round && !round.once), loopStart: round?.from, loopEnd: round?.to,
    });
    one.source.connect(one.gain);
    if (round?.once) one.source.start(run.began, offset, round.to - offset);
    else one.source.start(run.began, offset);
  }
  takes[0].source.onended = () => { ending = setTimeout(ended, 1000 * run.late); };
  const heardFrom = run.began + run.late;
  door.gain.setValueAtTime(0, heardFrom);
  door.gain.linearRampToValueAtTime(1, heardFrom + FADE);
  playing = true;
}

function stop() {
  asked++;
  clearTimeout(ending);
  offset = position();
  playing = false;
  takes[0].source.onended = null;
  ramp(door.gain, 0);
  for (const one of takes) one.source.stop(context.currentTime + FADE);
}

// The end of the piece, or of a round after which the next one is faster.
function ended() {
  const { round } = run;
  stop();
  offset = round ? round.from : 0;
  if (round) {
    tempo = clean(Math.min(loop.limit, tempo + loop.step));
    play();
  }
  show();
}

const clean = (value) => Math.round(100 * Math.min(Math.max(value, TEMPI[0]), TEMPI[1])) / 100;

async function play() {
  const mine = ++asked;
  graph();
  $("play").setAttribute("aria-busy", "true");
  try {
    await Promise.all([context.resume(), decode()]);
    while (!ready()) await prepareTempo().catch(withoutTempo); // it may change meanwhile
  } catch {
    complain("This browser cannot decode the audio; use a current Chrome, Edge, Firefox or Safari.");
    return;
  } finally {
    $("play").removeAttribute("aria-busy");
  }
  if (playing || mine !== asked) return;
  if (offset >= piece.seconds) offset = 0;
  begin();
  follow();
}

function withoutTempo() {
  stretching = null;
  tempo = 1;
  complain("This browser cannot change the tempo here; it plays at the original tempo.");
}

function complain(sentence) {
  $("trouble").textContent = sentence;
  $("trouble").hidden = false;
}

function toggle() {
  if (!playing) return play();
  stop();
  show();
}

// Stop where it plays, change something, and play on.
function around(change) {
  const again = playing;
  if (again) stop();
  change();
  if (again && offset < piece.seconds) (ready() ? begin : play)();
  show();
}

const seek = (seconds) => around(() => { offset = Math.min(Math.max(0, seconds), piece.seconds); });
const setTempo = (value) => canChangeTempo && around(() => { tempo = clean(value); });

// The two sides of a loop's join rarely fit: fade over it.
function softenJoin() {
  const { round, began, late } = run;
  if (!round || round.once) return;
  const first = began + late + (round.to - offset) / run.tempo;
  const length = (round.to - round.from) / run.tempo;
  const next = first + length * Math.max(0, Math.ceil((context.currentTime - first) / length));
  const ahead = next - context.currentTime;
  if (ahead > 0.3 || ahead < 2 * JOIN || next === run.join) return;
  run.join = next;
  door.gain.setValueAtTime(1, next - JOIN);
  door.gain.linearRampToValueAtTime(0, next);
  door.gain.linearRampToValueAtTime(1, next + JOIN);
}

