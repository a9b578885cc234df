"""Listings: lines of tested source, what they print, and what proves them."""
