"""Waystage: intermediate-task training in zero-shot cross-lingual transfer."""
