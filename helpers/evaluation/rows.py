"""One measured number and all that is needed to trust it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from .. import runtime


@dataclass(frozen=True)
class Provenance:
    """What every row of one evaluation has in common. `none` where there is nothing to name."""

    notebook: str
    train_data: str
    test_data: str
    seed: int
    config: str
    checkpoint_sha256: str
    commit: str
    device: str
    profile: str

    @classmethod
    def here(
        cls,
        notebook: str,
        test_data: str,
        *,
        train_data: str = "none",
        seed: int = 0,
        config: str = "none",
        checkpoint_sha256: str = "none",
        device: str = "cpu",
    ) -> Provenance:
        """With the commit and the profile of this process."""
        return cls(
            notebook, train_data, test_data, seed, config, checkpoint_sha256,
            runtime.commit(), device, runtime.profile(),
        )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One measured number and where it comes from. The fields are the columns of the CSV.

    value in the unit of the metric (dB), NaN for a silent reference. Raises ValueError where the
    provenance has a blank.
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
        blank = [name for name, value in asdict(self).items() if not str(value).strip()]
        if blank:
            raise ValueError(
                f"A row of {self.system or 'a system'} lacks its {', '.join(blank)}; every row "
                "says where it comes from, with 'none' where there is nothing to name."
            )

    @property
    def key(self) -> tuple:
        """What the row answers. A new answer to the same question replaces the old one, whatever
        commit, checkpoint or device it comes from."""
        return (
            self.notebook, self.test_data, self.system, self.train_data, self.config, self.track,
            self.instrument, self.metric, self.seed, self.profile,
        )  # fmt: skip

    def cells(self) -> list[str]:
        """The CSV's cells; numbers to four decimals, so that a diff shows changes that matter."""
        return [
            f"{value:.4f}".replace("-0.0000", "0.0000") if name in NUMBERS else str(value)
            for name, value in asdict(self).items()
        ]


HEADER = [field.name for field in fields(Row)]
NUMBERS = ("value", "n_seconds")
