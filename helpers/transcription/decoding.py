"""From evidence in frames to notes: hidden Markov models, decoded by the Viterbi algorithm.

A frame is silent or lies in a note of one of `K` pitches. From frame to frame a note lasts, ends,
or another one begins. How likely each is in a frame comes from a pitch tracker or a network; how
likely a beginning is without evidence, from `Costs`.

Mauch et al., "Computer-aided melody note transcription using the Tony software", TENOR 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Spans = list[tuple[int, int, int]]  # first frame, frame after the last, pitch index


@dataclass(frozen=True)
class Costs:
    """Of changes, in nepers of the likelihood.

    begin: of a note. end: of silence after a note. again: of striking the same pitch again, beside
    `begin`.
    """

    begin: float
    end: float
    again: float


def decode_line(notes: np.ndarray, silence: np.ndarray, again: np.ndarray, costs: Costs) -> Spans:
    """The likeliest line, one note at a time.

    notes: (T, K), the log-likelihood of each frame in each note; silence: (T,), without a note.
    again: (T,), the log-ratio of the likelihoods that the same pitch is struck again here or not.
    """
    frames, count = notes.shape
    # Where each state came from: -1 silence, else a note; `begun`: a new note, not the same one.
    came = np.zeros((frames, count), np.int32)
    begun = np.zeros((frames, count), bool)
    silence_came = np.full(frames, -1, np.int32)
    own = np.arange(count)
    quiet, sounding = 0.0, np.full(count, -np.inf)
    for t in range(frames):
        best = int(sounding.argmax())
        other = np.full(count, max(sounding[best], quiet))  # the likeliest state before, not itself
        origin = np.full(count, best if sounding[best] > quiet else -1)
        rest = np.where(own == best, -np.inf, sounding)
        second = int(rest.argmax())
        other[best] = max(rest[second], quiet)
        origin[best] = second if rest[second] > quiet else -1
        same = sounding - costs.again + again[t]
        start = np.maximum(same, other) - costs.begin
        origin = np.where(same > other, own, origin)
        begun[t] = start > sounding
        came[t] = np.where(begun[t], origin, own)
        if sounding[best] - costs.end > quiet:
            quiet, silence_came[t] = sounding[best] - costs.end, best
        quiet += silence[t]
        sounding = np.where(begun[t], start, sounding) + notes[t]
    return _traced(came, begun, silence_came, sounding, quiet)


def _traced(came, begun, silence_came, sounding, quiet) -> Spans:
    spans, end = [], len(came)
    state = int(sounding.argmax()) if end and sounding.max() > quiet else -1
    for t in range(len(came) - 1, -1, -1):
        if state < 0:
            state, end = int(silence_came[t]), t
        elif begun[t, state]:
            spans.append((t, end, state))
            state, end = int(came[t, state]), t
    return spans[::-1]


def decode_keys(ratios: np.ndarray, onsets: np.ndarray, costs: Costs) -> Spans:
    """The likeliest notes of each key on its own, as of a piano.

    ratios: (T, K), the log-ratio of the likelihoods that a key sounds in a frame or not. onsets:
    (T, K), that of being struck there or not. Returned in order of their beginning.
    """
    frames, count = ratios.shape
    begun = np.zeros((frames, count), bool)
    again = np.zeros((frames, count), bool)
    ended = np.zeros((frames, count), bool)
    quiet, sounding = np.zeros(count), np.full(count, -np.inf)
    for t in range(frames):
        strike = sounding - costs.begin - costs.again + onsets[t]
        start = quiet - costs.begin + onsets[t]
        again[t] = strike > start
        start = np.maximum(start, strike)
        begun[t] = start > sounding
        ended[t] = sounding - costs.end > quiet
        quiet = np.maximum(quiet, sounding - costs.end)
        sounding = np.where(begun[t], start, sounding) + ratios[t]
    spans = []
    for key in np.flatnonzero(ratios.max(axis=0, initial=-np.inf) > 0):
        end, sounds = frames, bool(sounding[key] > quiet[key])
        for t in range(frames - 1, -1, -1):
            if not sounds:
                sounds, end = bool(ended[t, key]), t
            elif begun[t, key]:
                spans.append((t, end, int(key)))
                sounds, end = bool(again[t, key]), t
    return sorted(spans)
