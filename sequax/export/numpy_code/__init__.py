"""Traced programs as Python modules that need NumPy alone."""
