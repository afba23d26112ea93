"""The UmURL encoder: tensors in, embeddings out (Sun et al., ACM MM 2023, arXiv 2311.03106)."""
