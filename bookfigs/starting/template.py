"""Templates: what a new file says, with names filled in."""

import string
from pathlib import Path

FOLDER = Path(__file__).with_name("templates")


def fill(name: str, **names: str) -> str:
    """A template with its names filled in."""
    text = (FOLDER / f"{name}.txt").read_text("utf-8")
    return string.Template(text).substitute(names)


def title(slug: str) -> str:
    """A name as a heading: ``step_time`` is Step Time."""
    return " ".join(word.capitalize() for word in slug.split("_") if word)


def label(slug: str) -> str:
    """A name as prose refers to it: ``step_time`` is ``step-time``."""
    return slug.replace("_", "-")
