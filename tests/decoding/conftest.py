"""One torch thread: the toy models are far too small for more."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
