"""The pages, and the script that prints the generated ones."""
