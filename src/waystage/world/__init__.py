"""The built-in laboratory: artificial languages that stand in for the real ones, with facts, texts and tasks.

Everything is a pure function of `VERSION` and a seed. Scores in it are about artificial languages, never about real
ones.
"""

from waystage.world.world import VERSION, World, sample, text

__all__ = ["VERSION", "World", "sample", "text"]
