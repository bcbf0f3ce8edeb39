"""What spot does in its own way; everything else is the folder above. File names are those of every exchange."""
