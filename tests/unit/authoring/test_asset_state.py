"""`asset_state_store` of a task: by asset, by reference, through an alias."""

import pytest
from authored_bundle import Bundle

from sailplane.model.assets import AssetAnswer, AssetKind, AssetNode, asset_id

OF_ORDERS = ("asset", str(asset_id("orders", "s3://warehouse/orders")))


def run(bundle: Bundle, arguments: str, body: str, kind: str = "def") -> object:
    """What a task with these arguments of `@task` and this body returns. Raises AssertionError when it fails."""
    indented = body.replace("\n", "\n            ")
    dag = bundle.one(f"""
        from sailplane import DAG, task
        from sailplane.authoring.assets import Asset, AssetAlias

        ORDERS = Asset("orders", "s3://warehouse/orders")
        RAW = Asset("raw")

        @task({arguments})
        {kind} ask(asset_state_store=None):
            {indented}

        with DAG("flow"):
            ask()
        """)
    return bundle.value(dag, "ask")


def error(bundle: Bundle, arguments: str, body: str) -> str:
    with pytest.raises(AssertionError) as failed:
        run(bundle, arguments, body)
    return str(failed.value)


def test_what_is_set_for_an_asset_is_there_in_the_next_run(bundle: Bundle) -> None:
    body = "state = asset_state_store[ORDERS]\nstate.set('rows', state.get('rows', 0) + 1)\nreturn state.get('rows')"
    assert [run(bundle, "inlets=[ORDERS, RAW]", body) for _ in range(2)] == [1, 2]
    assert bundle.services.states.entries == {OF_ORDERS: {"rows": "2"}}


@pytest.mark.parametrize("arguments", ["inlets=[ORDERS]", "outlets=[ORDERS]", "inlets=[ORDERS], outlets=[ORDERS]"])
def test_a_task_with_one_asset_needs_no_subscript(bundle: Bundle, arguments: str) -> None:
    body = """asset_state_store.set("a", 1)
asset_state_store.set("b", [2])
asset_state_store.delete("a")
return [asset_state_store.get("a"), asset_state_store.get("b"), asset_state_store.get("c", "none")]"""
    assert run(bundle, arguments, body) == [None, [2], "none"]
    assert bundle.services.states.entries[OF_ORDERS] == {"b": "[2]"}
    run(bundle, arguments, "asset_state_store.clear()")
    assert bundle.services.states.entries[OF_ORDERS] == {}


def test_it_can_be_awaited(bundle: Bundle) -> None:
    body = """await asset_state_store.aset("a", 1)
await asset_state_store[ORDERS].aset("b", 2)
found = [await asset_state_store.aget("a"), await asset_state_store.aget("b")]
await asset_state_store.adelete("a")
found.append(await asset_state_store[ORDERS].aget("a", "gone"))
await asset_state_store.aclear()
return found"""
    assert run(bundle, "inlets=[ORDERS]", body, kind="async def") == [1, 2, "gone"]
    assert bundle.services.states.entries[OF_ORDERS] == {}


def test_a_task_without_assets_has_none(bundle: Bundle) -> None:
    assert run(bundle, "", "return asset_state_store is None") is True
    assert run(bundle, "inlets=['a table']", "return asset_state_store is None") is True


@pytest.mark.parametrize("reference", ["name='orders'", "uri='s3://warehouse/orders'"])
def test_a_reference_means_the_asset_that_is_defined_elsewhere(bundle: Bundle, reference: str) -> None:
    node = AssetNode(kind=AssetKind.ASSET, name="orders", uri="s3://warehouse/orders")
    bundle.services.asset_answer = AssetAnswer(assets=(node,))
    run(bundle, f"inlets=[Asset.ref({reference}), RAW]", f"asset_state_store[Asset.ref({reference})].set('a', 1)")
    assert bundle.services.states.entries == {OF_ORDERS: {"a": "1"}}


def test_a_reference_to_nothing_is_told(bundle: Bundle) -> None:
    body = "asset_state_store[Asset.ref(name='orders')].get('a')"
    assert "there is no asset with the name 'orders'" in error(bundle, "inlets=[Asset.ref(name='orders')]", body)


def test_an_alias_among_the_inlets_stands_for_its_assets(bundle: Bundle) -> None:
    node = AssetNode(kind=AssetKind.ASSET, name="orders", uri="s3://warehouse/orders")
    bundle.services.asset_answer = AssetAnswer(assets=(node,))
    run(bundle, "inlets=[AssetAlias('any')], outlets=[AssetAlias('other')]", "asset_state_store.set('a', 1)")
    assert bundle.services.states.entries == {OF_ORDERS: {"a": "1"}}


def test_a_task_with_two_assets_says_which(bundle: Bundle) -> None:
    message = error(bundle, "inlets=[ORDERS], outlets=[RAW]", "asset_state_store.get('a')")
    assert "Task has 2 concrete inlets and outlets" in message


def test_an_asset_that_the_task_does_not_name_is_refused(bundle: Bundle) -> None:
    assert "s inlets or outlets" in error(bundle, "inlets=[ORDERS]", "asset_state_store[RAW]")
    assert "Expected Asset, AssetNameRef, or AssetUriRef; got str" in error(
        bundle, "inlets=[ORDERS]", "asset_state_store['orders']"
    )


def test_it_says_what_it_holds(bundle: Bundle) -> None:
    body = "return [repr(asset_state_store), repr(asset_state_store[RAW])]"
    assert run(bundle, "inlets=[ORDERS, Asset.ref(uri='s3://x')], outlets=[RAW, ORDERS]", body) == [
        "<AssetStateStoreAccessors [name='orders', uri='s3://x', name='raw']>",
        "<AssetStateStoreAccessor name='raw'>",
    ]
