"""Renews the generated parts of README.md: `python -m tests.docs.renew`."""

from tests.docs.reference import README, renewed

if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
