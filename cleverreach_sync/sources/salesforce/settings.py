"""What the config says about a Salesforce org."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import FULL_READ_EVERY, Duration, FullReadEvery, Question, ShopUrl, Words, wrong

CONTACT: Final = "Contact"
NONE: Final = "none"
_LIGHTNING: Final = ".lightning.force.com"
_SUFFIXES: Final = ("/services/oauth2/token", "/services/data", "/services", "/lightning")
_ASK: Final = Question(
    "url",
    say("init.my_domain", "What is the My Domain address of your Salesforce org?"),
    "https://mycompany.my.salesforce.com",
)


def _org(url: str) -> str:
    """The address of the org, also of that of its pages."""
    url = next((url.removesuffix(suffix) for suffix in _SUFFIXES if url.endswith(suffix)), url)
    host = urlsplit(url).hostname or ""
    if host in ("login.salesforce.com", "test.salesforce.com"):
        raise wrong(
            say("salesforce.expected_my_domain", "expected the My Domain address: https://mycompany.my.salesforce.com")
        )
    return url.replace(_LIGHTNING, ".my.salesforce.com") if host.endswith(_LIGHTNING) else url


def _condition(text: str) -> str:
    words = text.split(maxsplit=1)
    if words and words[0].lower() == "where":
        text = words[1] if len(words) > 1 else ""
    if not text.strip() or text.lstrip().lower().startswith("select ") or not _is_whole(text):
        raise wrong(say("salesforce.expected_condition", "expected a condition of SOQL, such as Newsletter__c = true"))
    return " ".join(text.split()) if "'" not in text else text.strip()


def _buying(text: str) -> str:
    return NONE if text.strip().lower() == NONE else _condition(text)


def _is_whole(text: str) -> bool:
    """Whether its brackets and quotes are closed: what follows must not become a part of it, or the other way round."""
    depth, quoted, escaped = 0, False, False
    for char in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != "'"
        elif char == "'":
            quoted = True
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                return False
    return depth == 0 and not quoted


Condition = Annotated[Words, AfterValidator(_condition)]
Kind = Literal["Contact", "Lead"]


class SalesforceSettings(SourceSettings):
    """A Salesforce org."""

    default_name = "Salesforce"
    questions = (_ASK,)
    starter = """\
# Your Salesforce org. crsync reads it as a user of its own (Read on Contacts, Leads and Opportunities, API Enabled).
# Create the access in Setup > External Client App Manager > New: OAuth scope "Manage user data via APIs (api)", Client
# Credentials Flow enabled, and that user as Run As. Then:
#   export SALESFORCE_CLIENT_ID=...
#   export SALESFORCE_CLIENT_SECRET=...
type: salesforce
# The address of Setup > My Domain.
url: {url}
client_id: ${SALESFORCE_CLIENT_ID}
client_secret: ${SALESFORCE_CLIENT_SECRET}
# The name of your shop as it appears in the tags: Salesforce-Special.Buyer
name: Salesforce
# Who subscribed, as a condition of SOQL: Salesforce itself only knows who opted out, and that always counts.
subscribed_when: Newsletter__c = true
# Only contacts, or only leads. Without this line: both.
# objects: [Contact]
# Which contacts have bought. Without this line: those with a role in an opportunity that was won; none: nobody.
# bought_when: Customer__c = true
# Then see whether crsync gets in: crsync check
"""

    type: Literal["salesforce"] = Field(description="The system.")
    name: str = Field(default="", description="The prefix of the special tags; Salesforce if left out.")
    url: Annotated[ShopUrl, AfterValidator(_org)] = Field(
        description="The My Domain address of the org: https://mycompany.my.salesforce.com."
    )
    client_id: SecretStr = Field(
        min_length=1, description="The consumer key of an external client app: Setup > External Client App Manager."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="The consumer secret of that app, for its client credentials flow."
    )
    username: Words | None = Field(
        default=None, description="In place of a secret, for the JWT bearer flow: the name of the user to read as."
    )
    private_key: SecretStr | None = Field(
        default=None,
        description="With username: the private key (PEM) of the certificate that the app has. Needs "
        "cleverreach-sync[salesforce].",
    )
    objects: tuple[Kind, ...] = Field(
        default=("Contact", "Lead"), min_length=1, description="Which objects are read: Contact, Lead, or both."
    )
    subscribed_when: Condition | dict[Kind, Condition] = Field(
        description="Who subscribed, as a condition of SOQL (Newsletter__c = true), for all objects or by object; of "
        "an object without a condition nobody is known to have. Who opted out never counts as subscribed.",
    )
    bought_when: Annotated[Words, AfterValidator(_buying)] | None = Field(
        default=None,
        description="Which contacts have bought, as a condition of SOQL, or none for nobody. Default: those with a "
        "role in an opportunity that was won, each of which is an order.",
    )
    api_version: str = Field(
        default="67.0", pattern=r"^[1-9][0-9]\.0$", description="The version of Salesforce's API that is asked."
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="At least this often all contacts and leads are read, because a condition may look at what moves "
        "no date of theirs: 24h, or 0 for every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.private_key is None) or (self.client_secret is None) == (
            self.private_key is None
        ):
            raise wrong(
                say(
                    "salesforce.one_way_in", "expected either client_secret, or username and private_key for JWT bearer"
                )
            )
        return self

    @model_validator(mode="after")
    def _conditions_fit(self) -> Self:
        if isinstance(self.subscribed_when, dict) and (
            not self.subscribed_when or not set(self.subscribed_when) <= set(self.objects)
        ):
            raise wrong(
                say(
                    "salesforce.condition_for_nothing", "subscribed_when names objects that are not in objects, or none"
                )
            )
        if self.bought_when not in (None, NONE) and CONTACT not in self.objects:
            raise wrong(say("salesforce.bought_without_contacts", "bought_when needs Contact in objects"))
        return self

    def subscribed(self, kind: str) -> str | None:
        """The condition of an object, None if there is none."""
        found = self.subscribed_when
        return {str(name): each for name, each in found.items()}.get(kind) if isinstance(found, dict) else found
