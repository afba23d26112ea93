"""Motion made by rules: the demo corpus, and what the encoder in the package was trained on."""
