"""The Quarto extension, tested with real pandoc and real Quarto."""
