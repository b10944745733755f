"""The same job for every tool: which customers to ask for, and what becomes of one of them."""

from __future__ import annotations

from typing import Any, Final

TAG: Final = "WooCommerce-Special.Contact"
PER_PAGE: Final = 100  # the most WooCommerce gives
BATCH: Final = 250
FIELDS: Final = "id,email,first_name,last_name,billing,date_created_gmt"
CUSTOMERS: Final = "/wp-json/wc/v3/customers"
QUERY: Final = {"role": "all", "orderby": "id", "order": "asc", "per_page": str(PER_PAGE), "_fields": FIELDS}
UPSERT: Final = "/v3/groups/1/receivers/upsertplus"
BILLING: Final = {
    "street": "address_1",
    "zip": "postcode",
    "city": "city",
    "company": "company",
    "state": "state",
    "country": "country",
    "phone": "phone",
}


def item(customer: dict[str, Any]) -> dict[str, Any]:
    """One row of an `upsertplus` request."""
    billing = customer["billing"]
    return {
        "email": customer["email"].lower(),
        "tags": [TAG],
        "global_attributes": {
            "firstname": customer["first_name"],
            "lastname": customer["last_name"],
            **{name: billing[there] for name, there in BILLING.items()},
            "customernumber": str(customer["id"]),
        },
    }
