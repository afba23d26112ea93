"""The names of the kinds of index, for those who must not import what builds them."""

from typing import Literal

Kind = Literal["flat", "flat16", "sq8", "ivf-sq8", "hnsw", "ivf-rabitq"]
"""The keys of `KINDS` in faiss_kinds.py."""
KindOrAuto = Literal["auto", Kind]
