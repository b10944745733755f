"""A made-up shop system, as small as a source can be: what `docs/develop/add-a-source.md` is about."""
