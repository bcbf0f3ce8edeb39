"""`main.py ledger …`, `backup` and `restore`: commands about the books, run beside the terminal or without it."""
