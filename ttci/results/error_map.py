"""Where an output is wrong, as pictures of bounded size show it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ErrorMap(BaseModel):
    """Where an output is wrong.

    Attributes:
        axes: what rows and columns of `heat` are.
        size: rows and columns before they were pooled.
        heat: root mean square of the error in each cell; None where it is not finite.
        spread: the standard deviation of the reference.
        edges, counts: the distribution of the error; a count between each two edges.
        pairs: reference and value of some elements, evenly spaced, and of those that are most wrong.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    axes: tuple[str, str]
    size: tuple[int, int]
    heat: tuple[tuple[float | None, ...], ...]
    spread: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    pairs: tuple[tuple[float, float], ...]
