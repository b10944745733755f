"""What `crsync check` sees of plentymarkets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cleverreach_sync.http.paging import Page
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.plentymarkets.api import PER_PAGE, NotAllowed, PlentyApi, SmallerPages
from cleverreach_sync.sources.plentymarkets.names import NONE, folder_id, listed, type_id
from cleverreach_sync.sources.plentymarkets.origins import Origin, Origins
from cleverreach_sync.sources.plentymarkets.rows import created, is_confirmed
from cleverreach_sync.sources.plentymarkets.settings import AUTOMATIC, PlentymarketsSettings
from cleverreach_sync.sources.plentymarkets.window import DAY, day_before
from cleverreach_sync.sources.values import utc_text


def look(api: PlentyApi, settings: PlentymarketsSettings) -> Iterator[Finding]:
    """One page of every stream, and every order origin. Raises the errors of the tree for what keeps a run from
    starting."""
    yield Finding(
        say_many(
            "plentymarkets.contacts_seen",
            "{number:,} contact at {url}",
            "{number:,} contacts at {url}",
            api.contacts(1, {}, size=1).known,
            url=settings.url,
        )
    )
    yield _transfer(api, settings)
    yield _newsletter(api, settings)
    yield _orders(api, settings)
    yield from _origins(api, settings)


def _transfer(api: PlentyApi, settings: PlentymarketsSettings) -> Finding:
    if settings.transfer == AUTOMATIC:
        floor = int(api.time or 0) - settings.first_run_days * DAY
        since = {"createdAtAfter": day_before(floor)}
        page = _first_page(lambda size: api.contacts(1, since, size))
        number = sum(created(raw) >= floor for raw in page.rows)
        contacts = _contacts(number, more=(page.total or 0) > len(page.rows))
        return Finding(_automatic(utc_text(floor), contacts, changed=settings.include_changed))
    ident = type_id(api, settings.customer_type)
    if ident is None:
        return Finding(
            say("plentymarkets.manual", "transfer: manual, contacts of every type"),
            say("plentymarkets.take_type", "source.customer_type takes one of them: {types}", types=_types(api)),
        )
    of_type = api.contacts(1, {"typeId": ident}, size=1).known
    return Finding(
        say_many(
            "plentymarkets.manual_of_type",
            "transfer: manual, {number:,} contact of customer type {ident}",
            "transfer: manual, {number:,} contacts of customer type {ident}",
            of_type,
            ident=ident,
        ),
        None
        if of_type
        else say("plentymarkets.type_of_nobody", "no contact has this type; there are: {types}", types=_types(api)),
    )


def _contacts(number: int, *, more: bool) -> Message:
    if more:
        return say_many(
            "plentymarkets.contacts_at_least",
            "at least {number:,} contact",
            "at least {number:,} contacts",
            number=number,
        )
    return say_many("plentymarkets.contacts_counted", "{number:,} contact", "{number:,} contacts", number=number)


def _automatic(floor: str, contacts: Message, *, changed: bool) -> Message:
    if changed:
        return say(
            "plentymarkets.automatic_with_changes",
            "transfer: automatic; a first run now begins with those created since {floor} ({contacts}), later runs "
            "take customers who come in or change after it",
            floor=floor,
            contacts=contacts,
        )
    return say(
        "plentymarkets.automatic",
        "transfer: automatic; a first run now begins with those created since {floor} ({contacts}), later runs take "
        "customers who come in after it",
        floor=floor,
        contacts=contacts,
    )


def _first_page(fetch: Callable[[int], Page]) -> Page:
    try:
        return fetch(PER_PAGE)
    except SmallerPages as smaller:
        return fetch(smaller.size)


def _types(api: PlentyApi) -> str:
    try:
        return listed(api.types())
    except NotAllowed:
        return say("plentymarkets.types_hidden", "1 (customer) and others; the user may not read their names")


def _newsletter(api: PlentyApi, settings: PlentymarketsSettings) -> Finding:
    try:
        folder = folder_id(api, settings.folder)
        page = _first_page(lambda size: api.recipients(1, folder, size))
    except NotAllowed as denied:
        return Finding(
            say(
                "plentymarkets.less_reliable",
                "{denied}, so who subscribed is taken from the contacts (newsletterAllowanceAt), which is less "
                "reliable",
                denied=denied.message,
            ),
            denied.hint,
        )
    confirmed = sum(map(is_confirmed, page.rows))
    return Finding(
        _recipients(page, confirmed, folder),
        None
        if confirmed or not page.rows
        else say("plentymarkets.only_confirmed", "only those who confirmed are subscribers"),
    )


def _recipients(page: Page, confirmed: int, folder: int | None) -> Message:
    if folder is None:
        return say(
            "plentymarkets.recipients_seen",
            "{total} newsletter recipients; of the first {seen} {confirmed} have confirmed",
            total=page.total,
            seen=len(page.rows),
            confirmed=confirmed,
        )
    return say(
        "plentymarkets.recipients_seen_in_folder",
        "{total} newsletter recipients in folder {folder}; of the first {seen} {confirmed} have confirmed",
        total=page.total,
        folder=folder,
        seen=len(page.rows),
        confirmed=confirmed,
    )


def _orders(api: PlentyApi, settings: PlentymarketsSettings) -> Finding:
    page = api.orders(0, None)
    wanted = settings.order_status
    numbers = [float(raw["statusId"]) for raw in page.rows if isinstance(raw.get("statusId"), (int, float))]
    counting = sum(map(wanted.has, numbers))
    words = say_many(
        "plentymarkets.orders_seen",
        "{number:,} order; of the first {seen} {counting} have a status from {from_:g} up to below {below:g} and make "
        "a buyer",
        "{number:,} orders; of the first {seen} {counting} have a status from {from_:g} up to below {below:g} and make "
        "a buyer",
        page.known,
        seen=len(page.rows),
        counting=counting,
        from_=wanted.from_,
        below=wanted.below,
    )
    if counting or not page.rows:
        return Finding(words)
    statuses = ", ".join(f"{number:g}" for number in sorted(set(numbers)))
    return Finding(words, say("plentymarkets.statuses_seen", "the statuses seen are {statuses}", statuses=statuses))


def _origins(api: PlentyApi, settings: PlentymarketsSettings) -> Iterator[Finding]:
    """Every order origin with its ID, those that are off apart."""
    try:
        origins = Origins(settings.order_referrers, api.referrers())
    except NotAllowed as denied:
        yield Finding(
            say(
                "plentymarkets.two_origins",
                "{denied}; without order_referrers only 0 and 1 are on",
                denied=denied.message,
            ),
            denied.hint,
        )
        return
    known = origins.listed or []
    on = _origins_listed([one for one in known if origins.permits(one.id)])
    yield Finding(say("plentymarkets.origins_on", "order origins that are on: {origins}", origins=on))
    off = [one for one in known if not origins.permits(one.id)]
    if off:
        yield Finding(_off(_origins_listed(off), chosen=settings.order_referrers is not None))
    if origins.unknown:
        yield Finding(
            say(
                "plentymarkets.origins_unknown",
                "plentymarkets does not have the order origin {names}",
                names=", ".join(origins.unknown),
            ),
            say("plentymarkets.correct_origins", "correct source.order_referrers"),
        )


def _off(origins: str, *, chosen: bool) -> Message:
    if chosen:
        return say(
            "plentymarkets.origins_not_chosen",
            "order origins that are off: {origins} (source.order_referrers names those that are on)",
            origins=origins,
        )
    return say(
        "plentymarkets.origins_off",
        "order origins that are off: {origins} (people who only bought there are not transferred; order_referrers "
        "names those you may use)",
        origins=origins,
    )


def _origins_listed(origins: Sequence[Origin]) -> str:
    return ", ".join(f"{origin.id} {origin.name}".strip() for origin in origins) or NONE
