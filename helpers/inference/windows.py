"""Means of values over windows of time."""

from __future__ import annotations

import numpy as np

WINDOW = 0.5  # seconds


class Windows:
    """Means of rows of values over windows of about half a second; 8 bytes a row and window.

    rate: values a second. seconds: of a window, a whole number of values.
    """

    def __init__(self, rows: int, rate: float) -> None:
        self.size = max(1, round(WINDOW * rate))
        self.rate, self.count, self.seconds = rate, 0, self.size / rate
        self._means: list[np.ndarray] = []
        self._rest = np.zeros((rows, 0))

    def update(self, values: np.ndarray) -> None:
        """values: (rows, n)."""
        self.count += values.shape[1]
        values = np.concatenate([self._rest, values], axis=1)
        whole = values.shape[1] // self.size * self.size
        self._means.append(values[:, :whole].reshape(len(values), -1, self.size).mean(axis=2))
        self._rest = values[:, whole:]

    @property
    def whole(self) -> float:
        """Seconds of all values."""
        return self.count / self.rate

    def means(self) -> np.ndarray:
        """(rows, windows); the last window may be shorter."""
        rest = [self._rest.mean(axis=1, keepdims=True)] if self._rest.shape[1] else []
        return np.concatenate([*self._means, *rest], axis=1)
