"""Seven empty assets in one in-process job: what Dagster itself costs."""

import dagster as dg

NAMES = ["one", "two", "three", "four", "five", "six", "seven"]


def _empty(name: str, upstream: str | None) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[upstream] if upstream else [])
    def empty() -> None:
        return None

    return empty


defs = dg.Definitions(
    assets=[_empty(name, before) for name, before in zip(NAMES, [None, *NAMES], strict=False)],
    jobs=[dg.define_asset_job("empty_job", selection=dg.AssetSelection.all())],
    executor=dg.in_process_executor,
)
