"""What `crsync check` sees of plentymarkets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from cleverreach_sync.http.paging import Page
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.plentymarkets.api import PER_PAGE, NotAllowed, PlentyApi, SmallerPages
from cleverreach_sync.sources.plentymarkets.names import folder_id, listed, type_id
from cleverreach_sync.sources.plentymarkets.origins import Origin, Origins
from cleverreach_sync.sources.plentymarkets.rows import created, is_confirmed
from cleverreach_sync.sources.plentymarkets.settings import AUTOMATIC, PlentymarketsSettings
from cleverreach_sync.sources.plentymarkets.window import DAY, day_before
from cleverreach_sync.sources.values import utc_text

_OFF_BY_CONFIG: Final = "source.order_referrers names those that are on"
_OFF_BY_DEFAULT: Final = "people who only bought there are not transferred; order_referrers names those you may use"


def look(api: PlentyApi, settings: PlentymarketsSettings) -> Iterator[Finding]:
    """One page of every stream, and every order origin. Raises the errors of the tree for what keeps a run from
    starting."""
    yield Finding(f"{api.contacts(1, {}, size=1).total} contacts at {settings.url}")
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
        more = "at least " if (page.total or 0) > len(page.rows) else ""
        later = "customers who come in or change" if settings.include_changed else "customers who come in"
        return Finding(
            f"transfer: automatic; a first run now begins with those created since {utc_text(floor)} ({more}{number} "
            f"contacts), later runs take {later} after it"
        )
    ident = type_id(api, settings.customer_type)
    if ident is None:
        return Finding(
            "transfer: manual, contacts of every type",
            f"source.customer_type takes one of them: {_types(api)}",
        )
    of_type = api.contacts(1, {"typeId": ident}, size=1).total
    hint = None if of_type else f"no contact has this type; there are: {_types(api)}"
    return Finding(f"transfer: manual, {of_type} contacts of customer type {ident}", hint)


def _first_page(fetch: Callable[[int], Page]) -> Page:
    try:
        return fetch(PER_PAGE)
    except SmallerPages as smaller:
        return fetch(smaller.size)


def _types(api: PlentyApi) -> str:
    try:
        return listed(api.types())
    except NotAllowed:
        return "1 (customer) and others; the user may not read their names"


def _newsletter(api: PlentyApi, settings: PlentymarketsSettings) -> Finding:
    try:
        folder = folder_id(api, settings.folder)
        page = _first_page(lambda size: api.recipients(1, folder, size))
    except NotAllowed as denied:
        return Finding(
            f"{denied.message}, so who subscribed is taken from the contacts (newsletterAllowanceAt), which is less "
            "reliable",
            denied.hint,
        )
    where = "" if folder is None else f" in folder {folder}"
    confirmed = sum(map(is_confirmed, page.rows))
    words = f"{page.total} newsletter recipients{where}; of the first {len(page.rows)} {confirmed} have confirmed"
    return Finding(words, None if confirmed or not page.rows else "only those who confirmed are subscribers")


def _orders(api: PlentyApi, settings: PlentymarketsSettings) -> Finding:
    page = api.orders(0, None)
    wanted = settings.order_status
    numbers = [float(raw["statusId"]) for raw in page.rows if isinstance(raw.get("statusId"), (int, float))]
    counting = sum(map(wanted.has, numbers))
    words = (
        f"{page.total} orders; of the first {len(page.rows)} {counting} have a status from {wanted.from_:g} up to "
        f"below {wanted.below:g} and make a buyer"
    )
    if counting or not page.rows:
        return Finding(words)
    return Finding(words, f"the statuses seen are {', '.join(f'{number:g}' for number in sorted(set(numbers)))}")


def _origins(api: PlentyApi, settings: PlentymarketsSettings) -> Iterator[Finding]:
    """Every order origin with its ID, those that are off apart."""
    try:
        origins = Origins(settings.order_referrers, api.referrers())
    except NotAllowed as denied:
        yield Finding(f"{denied.message}; without order_referrers only 0 and 1 are on", denied.hint)
        return
    known = origins.listed or []
    yield Finding(f"order origins that are on: {_origins_listed([one for one in known if origins.permits(one.id)])}")
    off = [one for one in known if not origins.permits(one.id)]
    if off:
        words = _OFF_BY_DEFAULT if settings.order_referrers is None else _OFF_BY_CONFIG
        yield Finding(f"order origins that are off: {_origins_listed(off)} ({words})")
    if origins.unknown:
        yield Finding(
            f"plentymarkets does not have the order origin {', '.join(origins.unknown)}",
            "correct source.order_referrers",
        )


def _origins_listed(origins: Sequence[Origin]) -> str:
    return ", ".join(f"{origin.id} {origin.name}".strip() for origin in origins) or "none"
