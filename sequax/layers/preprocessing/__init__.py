"""Layers that prepare data: images, numbers, categories, text and sound."""
