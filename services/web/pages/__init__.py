"""One module for each page: what it asks, and where its answers lead."""
