"""A world as text: a glyph a cell, for terminals, tests and whoever wants to look."""

from __future__ import annotations

from teem.worlds.treasure.board import within
from teem.worlds.treasure.treasure import Treasure

AGENT = "@"


def draw(world: Treasure, number: int = 0) -> str:
    """The rows of one of the worlds, each entity as its glyph and every agent as @."""
    glyphs = [entity.glyph for entity in world.settings.entities]
    sight = world.game.terms.sight
    cells, people = (within(each, sight)[number] for each in (world.game.board.cells, world.game.board.people))
    rows = zip(cells, people, strict=True)
    return "\n".join(
        "".join(AGENT if person else glyphs[kind] for kind, person in zip(*row, strict=True)) for row in rows
    )
