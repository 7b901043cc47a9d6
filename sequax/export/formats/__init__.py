"""One module per format: `write(trace, place, **options)`, and `runner(place, trace)`, which runs what was written."""
