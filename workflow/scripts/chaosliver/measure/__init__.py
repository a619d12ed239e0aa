"""Predictions to figures per slice and per patient, and their statistics."""
