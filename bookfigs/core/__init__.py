"""The numerics of the section: recurrences, and what replaced them.

Imports torch and nothing else of bookfigs. Every faster form is
tested against a definition written as a loop.
"""
