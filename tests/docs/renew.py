"""Renews the generated parts of docs/: `python -m tests.docs.renew`."""

from tests.docs.reference import pages, renewed

if __name__ == "__main__":
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            page.write_text(new, encoding="utf-8")
