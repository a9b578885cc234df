"""Instruments: span (dependency depth) and clock (time)."""
