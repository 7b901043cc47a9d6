"""What a weight may be read through: `low_rank` adds a small trained product to a frozen one. See `core/adapter.py`."""
