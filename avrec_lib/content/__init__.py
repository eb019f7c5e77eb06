"""What is in a clip? Texts and labels of items, as tables that models can learn from."""
