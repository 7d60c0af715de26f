"""Many videos: where they come from, a run that survives everything, what is done of it, and shares of it."""
