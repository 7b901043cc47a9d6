"""What a weight may be read through: see `core/adapter.py`.

`low_rank` adds a small trained product to a frozen weight. The others keep it in fewer bits: `int8` and `int4` as whole
numbers with a scale, `rows` those of tables, of which rows are looked up; `float8` rounds what is multiplied.
"""
