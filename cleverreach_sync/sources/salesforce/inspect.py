"""What `crsync check` says about a Salesforce org."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cleverreach_sync.messages import say
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.salesforce import soql
from cleverreach_sync.sources.salesforce.api import SalesforceApi
from cleverreach_sync.sources.salesforce.layout import KINDS, Kind
from cleverreach_sync.sources.salesforce.settings import CONTACT, NONE, SalesforceSettings


def look(
    api: SalesforceApi,
    settings: SalesforceSettings,
    layout: Callable[[Kind], object],
    role_fields: Callable[[], object],
) -> Iterator[Finding]:
    """The numbers of every list. Raises AuthError for what the user may not read."""
    for kind in (KINDS[name] for name in dict.fromkeys(settings.objects)):
        layout(kind)
        where = ["Email != null", *([f"{kind.gone} = false"] if kind.gone else [])]
        total = api.count(soql.count(kind.name, where))
        condition = settings.subscribed(kind.name)
        if condition is None:
            yield Finding(
                say(
                    "salesforce.seen",
                    "{what}: {total:,} with an e-mail address at {url}",
                    total=total,
                    what=kind.words,
                    url=api.url,
                ),
                say(
                    "salesforce.no_condition",
                    "subscribed_when has no condition for them: nobody is known to have subscribed",
                ),
            )
            continue
        yes = api.count(soql.count(kind.name, [*where, "HasOptedOutOfEmail = false", soql.grouped(condition)]))
        yield Finding(
            say(
                "salesforce.seen_with_consent",
                "{what}: {total:,} with an e-mail address at {url}, {yes:,} of them subscribed",
                total=total,
                what=kind.words,
                url=api.url,
                yes=yes,
            ),
            None if yes or not total else say("salesforce.nobody_subscribed", "nobody meets source.subscribed_when"),
        )
    bought = settings.bought_when
    if CONTACT not in settings.objects or bought == NONE:
        return
    if bought is None:
        role_fields()
        buyers = api.count(soql.count("OpportunityContactRole", ["Contact.Email != null", "Opportunity.IsWon = true"]))
        yield Finding(
            say("salesforce.roles_seen", "contact roles in opportunities that were won: {total:,}", total=buyers),
            None
            if buyers
            else say(
                "salesforce.no_roles",
                "nobody is a buyer: opportunities need contact roles, or bought_when says who bought",
            ),
        )
    else:
        buyers = api.count(soql.count(CONTACT, ["Email != null", soql.grouped(bought)]))
        yield Finding(
            say("salesforce.buyers_seen", "contacts who have bought: {total:,}", total=buyers),
            None if buyers else say("salesforce.nobody_bought", "nobody meets source.bought_when"),
        )
