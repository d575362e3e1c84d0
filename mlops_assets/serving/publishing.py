"""Publishing feature views: what a view stored for a partition becomes what the server looks up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_assets.serving.online import OnlineStore, Published, publish
from mlops_assets.spec.windows import view_partitions

if TYPE_CHECKING:
    from mlops_assets.data.store import Store
    from mlops_assets.spec.catalogue import Catalogue
    from mlops_assets.spec.feature_view import FeatureView


def publish_partition(view: FeatureView, catalogue: Catalogue, key: str | None, store: Store, online: OnlineStore) -> Published:
    """Publish the rows that ``view`` has stored for ``key``.

    Nothing is published of a view that is not ``online``, or of a partition that is not stored. An older partition never replaces a
    newer one, so a backfill may publish in any order. Features without partitions are as of now.
    """
    if view.online is None:
        return Published(0)
    manifest = store.current(view.name, key)
    if manifest is None:
        return Published(0)
    partitions = view_partitions(view, catalogue)
    as_of = partitions.calendar.end_of(key) if partitions is not None and key is not None else datetime.now(UTC)
    return publish(online, view, store.read(manifest), as_of)


def publish_newest(catalogue: Catalogue, store: Store, online: OnlineStore, views: Collection[str] | None = None) -> dict[str, Published]:
    """Publish the newest stored partition of every view that is online, or of those in ``views``; returns by view what was published."""
    published = {}
    for name, view in sorted(catalogue.views.items()):
        if view.online is not None and (views is None or name in views):
            keys = store.partitions(name)
            published[name] = publish_partition(view, catalogue, keys[-1] if keys else None, store, online)
    return published
