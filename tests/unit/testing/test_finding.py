"""Which DAG a test means."""

from pathlib import Path

import pytest

from sailplane.model.errors import AuthorError, NotFound
from sailplane.testing import find_dag


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.py").write_text("from sailplane import DAG\norders = DAG('orders')\n")
    (tmp_path / "both.py").write_text("from sailplane import DAG\na, b = DAG('a'), DAG('b')\n")
    return tmp_path


def test_a_file_with_one_dag_names_it(folder: Path) -> None:
    dag = find_dag(folder, "shop/orders.py")
    assert (dag.dag_id, dag.relative_fileloc) == ("orders", "shop/orders.py")


def test_a_dag_is_found_by_its_id_in_any_file(folder: Path) -> None:
    assert find_dag(folder, "orders").dag_id == "orders"
    assert find_dag(folder, "b").dag_id == "b"


def test_of_a_file_with_several_one_must_be_named(folder: Path) -> None:
    assert find_dag(folder, "both.py", "b").dag_id == "b"
    with pytest.raises(NotFound, match="2 DAGs, so say which; its DAGs are: a, b"):
        find_dag(folder, "both.py")
    with pytest.raises(NotFound, match="no DAG 'c'; its DAGs are: a, b"):
        find_dag(folder, "both.py", "c")


def test_what_is_not_there_is_told_with_what_is(folder: Path) -> None:
    with pytest.raises(NotFound, match=r"no DAG file .*absent\.py"):
        find_dag(folder, "absent.py")
    with pytest.raises(NotFound, match=r"no DAG 'absent' in .*; its DAGs are: a, b, orders"):
        find_dag(folder, "absent")


def test_a_file_that_cannot_be_read_says_where(folder: Path) -> None:
    (folder / "broken.py").write_text("from sailplane import DAG\n1 / 0\n")
    with pytest.raises(AuthorError, match=r"broken\.py, line 2: ZeroDivisionError"):
        find_dag(folder, "broken.py")
