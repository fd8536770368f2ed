"""Time and memory of every room: `make bench SCALE=S|M`."""
