"""Figures of all runs to tables and pages."""
