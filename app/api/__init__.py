"""The HTTP API, one file per noun. Routes fetch, call one function, and answer."""
