"""Who learns by gradient? Layers, losses, packed batches, the loop, its checkpoints and curves; no recommender."""
