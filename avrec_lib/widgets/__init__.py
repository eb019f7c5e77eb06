"""What would they try? Plain state objects, and thin ipywidgets views on top of them."""
