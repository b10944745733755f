"""What the user should know beside what is read."""

from __future__ import annotations

from cleverreach_sync.messages import Message, say, say_many


def unknown_origins(names: str) -> Message:
    return say(
        "plentymarkets.origin_unknown",
        "plentymarkets does not have the order origin {names} (order_referrers)",
        names=names,
    )


def consent_of_contacts(denied: str) -> Message:
    return say(
        "plentymarkets.consent_of_contacts",
        "{denied}; who subscribed is taken from the contacts (newsletterAllowanceAt)",
        denied=denied,
    )


def own_origins(denied: str) -> Message:
    return say(
        "plentymarkets.own_origins",
        "{denied}; without order_referrers only the system's own origins (0, 1) count",
        denied=denied,
    )


def unlisted(contacts: int) -> Message:
    return say_many(
        "plentymarkets.unlisted",
        "orders name {number:,} contact that plentymarkets does not list; they are not transferred",
        "orders name {number:,} contacts that plentymarkets does not list; they are not transferred",
        number=contacts,
    )
