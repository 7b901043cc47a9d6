"""Do the tests notice? One small change of the code at a time, and the tests that run the changed line.

    python -m tools.mutants --count 300 --seed 1

`places.py` finds what can be changed (cosmic-ray knows how), `suite.py` knows which tests run which line (coverage
does) and runs them, `__main__.py` draws a sample, tries each mutant in a copy of the last commit and reports.
"""
