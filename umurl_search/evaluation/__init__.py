"""Figures: retrieval metrics, kNN evaluation, linear and fine-tuned classifiers, localization, duplicates."""
