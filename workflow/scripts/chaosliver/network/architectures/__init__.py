"""Segmentation networks, each in a module of its own, built by name."""
