"""How does a stranger's log become rows? Blocks, guessed columns, times, values, rejects with reasons."""
