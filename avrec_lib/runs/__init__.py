"""How does a notebook run, and how does it end? Parameters, suites, kernels, and the queue of runs."""
