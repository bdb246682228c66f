"""Where the library stands: suites that measure it beside its peers, and the page made from their records."""
