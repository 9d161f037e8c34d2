"""What the use cases need from outside, in their own words, a module for each subject.

Each port has a contract suite in `tests/contract`.
"""
