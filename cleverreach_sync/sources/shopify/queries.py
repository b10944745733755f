"""Every GraphQL document that is sent to Shopify's Admin API."""

from __future__ import annotations

from typing import Final

_CUSTOMER: Final = """
      id
      legacyResourceId
      firstName
      lastName
      locale
      tags
      createdAt
      updatedAt
      numberOfOrders
      amountSpent { amount }
      lastOrder { createdAt }
      defaultEmailAddress { emailAddress marketingState marketingOptInLevel marketingUpdatedAt }
      defaultPhoneNumber { phoneNumber }
      defaultAddress { firstName lastName company address1 address2 zip city provinceCode countryCodeV2 phone }
"""

COUNT: Final = """
query CustomersCount($query: String, $limit: Int) {
  customersCount(query: $query, limit: $limit) { count precision }
}
"""
"""`limit` null: however many there are. Without it the count ends at 10,000 (precision AT_LEAST)."""

PAGE: Final = f"""
query Customers($first: Int!, $after: String, $query: String) {{
  customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{{_CUSTOMER}    }}
  }}
}}
"""

EVERYBODY: Final = f"""
query {{
  customers {{
    edges {{
      node {{{_CUSTOMER}      }}
    }}
  }}
}}
"""
"""What a bulk operation runs: no variables, no page size, the connection by its edges."""

RUN: Final = """
mutation RunBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { field message code }
  }
}
"""
"""`groupObjects` is given because its default differs between versions (true until 2025-10, false since)."""

POLL: Final = """
query Bulk($id: ID!) {
  node(id: $id) {
    ... on BulkOperation { id status errorCode objectCount rootObjectCount url }
  }
}
"""
"""By `node`, which every version has: `currentBulkOperation` is deprecated, `bulkOperation` came with 2026-01.
`partialDataUrl` is not asked for: a part is never taken for the whole."""

CANCEL: Final = """
mutation CancelBulk($id: ID!) {
  bulkOperationCancel(id: $id) {
    bulkOperation { id status }
    userErrors { field message }
  }
}
"""

INSTALLATION: Final = """
query Installation {
  shop { name }
  currentAppInstallation { accessScopes { handle } }
}
"""

DOCUMENTS: Final = {
    "count": COUNT,
    "page": PAGE,
    "everybody": EVERYBODY,
    "run": RUN,
    "poll": POLL,
    "cancel": CANCEL,
    "installation": INSTALLATION,
}


def updated_since(moment: str) -> str:
    """The filter for customers changed since `moment` (ISO 8601, UTC, with Z).

    Quoted, because Shopify drops the time of an unquoted one and takes the shop's midnight.
    """
    return f"updated_at:>='{moment}'"
