"""Video-LLMs: finding, checking and loading a pair, and running it. All that knows transformers is here."""
