"""When each instrument plays: spans of time, and Audacity's labels of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

WINDOW = 0.05  # seconds
#: Levels of a stem in dB relative to the recording: an instrument begins to play above the first
#: and plays until it is below the second, so that one that swells and fades is one span.
BEGINS, ENDS = -20.0, -28.0
SHORTEST_REST = 0.5  # seconds; a shorter rest does not end a span
SHORTEST_SPAN = 0.1  # seconds


class Activity:
    """The energy of a stem in windows of 50 ms, over all channels; 8 bytes a window."""

    def __init__(self, sample_rate: int) -> None:
        self.window = max(1, round(WINDOW * sample_rate))
        self.seconds = self.window / sample_rate
        self.frames, self.sample_rate = 0, sample_rate
        self._powers: list[np.ndarray] = []  # mean squares of whole windows
        self._rest = np.zeros(0)  # squares

    def update(self, block: np.ndarray) -> None:
        """block: (channels, samples)."""
        squares = np.square(block, dtype=np.float64).mean(axis=0)
        self.frames += len(squares)
        squares = np.concatenate([self._rest, squares])
        whole = len(squares) // self.window * self.window
        self._powers.append(squares[:whole].reshape(-1, self.window).mean(axis=1))
        self._rest = squares[whole:]

    def powers(self) -> np.ndarray:
        """The mean square of each window, (windows,); the last one may be shorter."""
        rest = [self._rest.mean()] if self._rest.size else []
        return np.concatenate([*self._powers, rest])

    def spans(self, reference: float) -> list[tuple[float, float]]:
        """Start and end in seconds of where the stem plays.

        reference: the mean square of the recording, over all samples and channels.
        """
        begins, ends = (reference * 10 ** (level / 10) for level in (BEGINS, ENDS))
        plays, state = [], False
        for power in self.powers():
            state = power > (ends if state else begins)
            plays.append(state)
        return joined_spans(plays, self.seconds, self.frames / self.sample_rate)


def joined_spans(
    plays: Sequence[bool] | np.ndarray, step: float, whole: float
) -> list[tuple[float, float]]:
    """Start and end in seconds of where windows of `step` seconds are true, until `whole` seconds.

    Short rests do not end a span, and very short spans are left out.
    """
    edges = np.diff(np.concatenate([[False], plays, [False]]).astype(int))
    spans: list[tuple[float, float]] = []
    for start, end in zip(np.flatnonzero(edges > 0) * step, np.flatnonzero(edges < 0) * step,
                          strict=True):  # fmt: skip
        if spans and start - spans[-1][1] < SHORTEST_REST:
            start = spans.pop()[0]
        spans.append((float(start), float(min(end, whole))))
    return [(start, end) for start, end in spans if end - start >= SHORTEST_SPAN]


def label_text(
    spans: Mapping[str, Sequence[tuple[float, float]]], bars: Iterable[tuple[str, float]] = ()
) -> str:
    """Labels as Audacity imports them, in the order of time: start, end and text with tabs.

    spans: by instrument, in seconds. bars: (number, start) of each bar, a label without duration.
    """
    labels = [(start, end, name) for name, each in spans.items() for start, end in each]
    labels += [(start, start, f"bar {number}") for number, start in bars]
    return "".join(f"{start:.6f}\t{end:.6f}\t{text}\n" for start, end, text in sorted(labels))
