"""Calibration: what a pair's signals are worth, measured on unlabelled videos, and the preset that says so."""
