"""Synthetic clips whose truth is known, and the training of the embedded pair that describes them."""
