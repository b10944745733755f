"""Renews the generated parts of docs/ and the template of the catalogue: `python -m tests.docs.renew`."""

from tests.catalogue.template import TEMPLATE, template
from tests.docs.reference import pages, renewed

if __name__ == "__main__":
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            page.write_text(new, encoding="utf-8")
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(template(), encoding="utf-8", newline="\n")
