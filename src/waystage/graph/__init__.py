"""Stages, their fingerprints, the plan that orders them, the store that keeps what they made. Never imports torch."""
