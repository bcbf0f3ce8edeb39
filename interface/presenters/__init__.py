"""View and board turned into rows, words and colour names, without tkinter."""
