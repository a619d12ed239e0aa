"""Samples to networks, and networks to predictions."""
