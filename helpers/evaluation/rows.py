"""One measured number with its provenance: a row of a results table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .. import runtime


@dataclass(frozen=True)
class Provenance:
    """What all rows of one evaluation share; `none` where nothing applies."""

    notebook: str
    test_data: str
    train_data: str = "none"
    seed: int = 0
    config: str = "none"
    checkpoint_sha256: str = "none"
    device: str = "cpu"
    commit: str = field(default_factory=lambda: runtime.commit())
    profile: str = field(default_factory=lambda: runtime.profile())

    @classmethod
    def of_model(
        cls, card: dict[str, Any], test_data: str, device: Any = "cpu", notebook: str = "none"
    ) -> Provenance:
        """Of a saved model, from its card. device: a torch device."""
        recipe = card["provenance"].get("recipe", {})
        return cls(
            notebook, test_data,
            train_data=recipe.get("name", "unknown"),
            seed=recipe.get("training", {}).get("seed", 0),
            config=card["architecture"],
            checkpoint_sha256=card["sha256"],
            device=runtime.describe_device(device),
        )  # fmt: skip

    def untrained(self) -> Provenance:
        """Of floor and ceilings on the same data."""
        return replace(self, train_data="none", config="none", checkpoint_sha256="none")


@dataclass(frozen=True)
class Row:
    """The fields are the columns of the CSV.

    value: in the unit of the metric (dB), NaN for a silent reference. Raises ValueError for an
    empty field.
    """

    notebook: str
    system: str
    train_data: str
    test_data: str
    track: str
    instrument: str
    metric: str
    value: float
    n_seconds: float
    seed: int
    config: str
    checkpoint_sha256: str
    commit: str
    device: str
    profile: str

    def __post_init__(self) -> None:
        empty = [name for name, value in asdict(self).items() if not str(value).strip()]
        if empty:
            raise ValueError(
                f"A row of {self.system or 'a system'} lacks its {', '.join(empty)}; fill every "
                "field, with 'none' where nothing applies."
            )

    def has(self, provenance: Provenance) -> bool:
        """Whether all of this is the provenance of the row."""
        return all(getattr(self, name) == value for name, value in asdict(provenance).items())

    @property
    def key(self) -> tuple:
        """What the row measures. A new row with the same key replaces the old one, whatever its
        commit, checkpoint or device; a reader's row replaces a published one in the reader's
        table."""
        return (
            self.notebook, self.test_data, self.system, self.train_data, self.config, self.track,
            self.instrument, self.metric, self.seed, self.profile == "smoke",
        )  # fmt: skip

    def cells(self) -> list[str]:
        """The cells of the CSV; numbers with four decimals, so that a diff shows real changes.

        An apostrophe goes before text that a spreadsheet would run as a formula.
        """
        return [
            f"{value:.4f}".replace("-0.0000", "0.0000")
            if name in NUMBERS
            else FORMULA.sub(r"'\g<0>", str(value))
            for name, value in asdict(self).items()
        ]

    @classmethod
    def of_cells(cls, cells: Sequence[str]) -> Row:
        """The row that `cells` gives; ValueError for what is none."""
        if len(cells) != len(HEADER):
            raise ValueError(f"it has {len(cells)} cells instead of {len(HEADER)}")
        row: dict[str, Any] = dict(zip(HEADER, cells, strict=True))
        for name, text in row.items():
            kind = float if name in NUMBERS else int if name == "seed" else None
            try:
                row[name] = (
                    kind(text) if kind else FORMULA.sub(lambda m: m[0].removeprefix("'"), text)
                )
            except ValueError:
                raise ValueError(f"its {name} '{text[:20]}' is not a number") from None
        return cls(**row)


HEADER = [field.name for field in fields(Row)]
NUMBERS = ("value", "n_seconds")
FORMULA = re.compile(r"^'*[=+\-@\t\r]")  # the start of text that a spreadsheet would calculate
