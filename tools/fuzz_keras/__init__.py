"""Random small models in Sequax and in Keras at equal weights; `python -m tools.fuzz_keras --help`.

`draw` makes a `Case` of a seed, `build` makes its model in either library, `trace` runs it and notes what it says,
`compare` holds two traces against each other, `shrink` makes a failing case small, `explained` knows the rows of
`docs/differences.md` that a random model may meet.
"""
