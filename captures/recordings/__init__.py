"""The recordings: one function each, marked with `@recording`; its docstring says what the recording shows."""
