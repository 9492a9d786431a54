"""Attributes: wanted ones, and scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from deepface_client import v1

# One attribute or several. A name alone should be present, and "not NAME" absent; a message says more, such as a
# strength or a weight.
Requested: TypeAlias = str | v1.RequestedAttribute | Iterable[str | v1.RequestedAttribute]
Targets: TypeAlias = str | v1.AttributeTarget | Iterable[str | v1.AttributeTarget]


@dataclass(frozen=True)
class Score:
    """What the classifier says of one attribute.

    Attributes:
        probability: 0 to 1, within the attribute's group.
        present: The decision by the threshold for accuracy.
        present_balanced: The decision by the threshold for balanced accuracy; None for generated faces.
        requested: Generated faces: True or False if presence or absence was requested, else None.
    """

    probability: float
    present: bool
    present_balanced: bool | None = None
    requested: bool | None = None


def requested(wanted: Requested) -> list[v1.RequestedAttribute]:
    """Returns attributes as the generator takes them."""
    items = [wanted] if isinstance(wanted, str | v1.RequestedAttribute) else wanted
    return [item if isinstance(item, v1.RequestedAttribute) else _requested(*_split(item)) for item in items]


def targets(wanted: Targets) -> list[v1.AttributeTarget]:
    """Returns attributes as objectives take them."""
    items = [wanted] if isinstance(wanted, str | v1.AttributeTarget) else wanted
    return [item if isinstance(item, v1.AttributeTarget) else _target(*_split(item)) for item in items]


def _requested(name: str, absent: bool) -> v1.RequestedAttribute:
    return v1.RequestedAttribute(name=name, absent=absent)


def _target(name: str, absent: bool) -> v1.AttributeTarget:
    return v1.AttributeTarget(attribute=name, absent=absent)


def _split(text: str) -> tuple[str, bool]:
    """Returns a name, and whether "not" stood before it."""
    name = text.strip()
    return (name[4:].lstrip(), True) if name[:4].lower() == "not " else (name, False)
