"""The terminal: parse, call one function, render."""
