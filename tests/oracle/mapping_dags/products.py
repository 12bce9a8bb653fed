"""Mapped tasks over literals, results and combinations of them."""

from airflow.sdk import DAG, BaseOperator, task


@task
def numbers(count=3):
    return list(range(1, count + 1))


@task
def add(x, y=10):
    return x + y


@task
def total(values):
    return sum(values)


@task
def listed(values):
    return list(values)


class Join(BaseOperator):
    template_fields = ("left", "right")

    def __init__(self, *, left, right="r", mark="-", **kwargs):
        super().__init__(**kwargs)
        self.left, self.right, self.mark = left, right, mark

    def execute(self, context):
        return f"{self.left}{self.mark}{self.right}"


with DAG("literal_list", schedule=None):
    total(add.expand(x=[1, 2, 3]))

with DAG("partial_and_result", schedule=None):
    total(add.partial(y=100).expand(x=numbers()))

with DAG("cross_product_of_literals", schedule=None):
    listed(add.expand(x=[1, 2, 3], y=[10, 20]))

with DAG("cross_product_of_results", schedule=None):
    listed(add.expand(x=numbers(), y=numbers.override(task_id="two")(2)))

with DAG("cross_product_mixed", schedule=None):
    listed(add.expand(x=[7, 8], y=numbers()))

with DAG("dict_of_results", schedule=None):

    @task
    def prices():
        return {"a": 1, "b": 2}

    @task
    def show(pair):
        key, value = pair
        return f"{key}={value}"

    listed(show.expand(pair=prices()))

with DAG("literal_dict", schedule=None):

    @task
    def show_item(item):
        return "/".join(map(str, item))

    listed(show_item.expand(item={"a": 1, "b": 2}))

with DAG("operator_partial_expand", schedule=None):
    listed(Join.partial(task_id="join", mark="+").expand(left=["a", "b"], right=["x", "y"]).output)

with DAG("operator_expand_kwargs", schedule=None):
    listed(Join.partial(task_id="join").expand_kwargs([{"left": "a"}, {"left": "b", "right": "z", "mark": "*"}]).output)

with DAG("operator_template_in_literal", schedule=None):
    listed(Join.partial(task_id="join", right="{{ ti.map_index }}").expand(left=["{{ dag.dag_id }}", "plain"]).output)

with DAG("operator_template_in_result", schedule=None):

    @task
    def templates():
        return ["{{ dag.dag_id }}", "plain"]

    listed(Join.partial(task_id="join").expand(left=templates()).output)

with DAG("expand_kwargs_of_result", schedule=None):

    @task
    def rows():
        return [{"x": 1}, {"x": 2, "y": 3}]

    listed(add.expand_kwargs(rows()))

with DAG("expand_kwargs_of_mapped_result", schedule=None):

    @task
    def row(x):
        return {"x": x, "y": x * x}

    listed(add.expand_kwargs(row.expand(x=[2, 3])))

with DAG("mapped_over_mapped", schedule=None):
    first = add.expand(x=numbers())
    listed(add.override(task_id="again").partial(y=1).expand(x=first))

with DAG("mapped_over_mapped_thrice", schedule=None):
    one = add.expand(x=[1, 2])
    two = add.override(task_id="two").expand(x=one)
    listed(add.override(task_id="three").expand(x=two, y=[0, 5]))

with DAG("mapped_by_function", schedule=None):
    listed(add.expand(x=numbers().map(lambda n: n * 1000)))

with DAG("mapped_by_two_functions", schedule=None):
    listed(add.expand(x=numbers().map(lambda n: n + 1).map(lambda n: n * n)))

with DAG("expand_kwargs_by_function", schedule=None):
    listed(add.expand_kwargs(numbers().map(lambda n: {"x": n, "y": -n})))

with DAG("zipped", schedule=None):

    @task
    def pair(both):
        return list(both)

    listed(pair.expand(both=numbers(3).zip(numbers.override(task_id="four")(4))))

with DAG("zipped_longest", schedule=None):

    @task
    def pair_filled(both):
        return list(both)

    listed(pair_filled.expand(both=numbers(2).zip(numbers.override(task_id="four")(4), fillvalue="none")))

with DAG("concatenated", schedule=None):
    listed(add.expand(x=numbers(2).concat(numbers.override(task_id="three")(3))))

with DAG("concatenated_with_mapped", schedule=None):
    listed(add.override(task_id="last").expand(x=numbers(2).concat(add.expand(x=[5, 6]))))

with DAG("zipped_and_mapped", schedule=None):
    products = numbers(3).zip(numbers.override(task_id="three")(3)).map(lambda both: both[0] * both[1])
    listed(add.partial(y=0).expand(x=products))

with DAG("named_by_template", schedule=None):

    @task(map_index_template="item {{ ti.map_index }}")
    def named(x):
        return x

    named.expand(x=["a", "b"])

with DAG("named_by_own_context", schedule=None):

    @task(map_index_template="{{ label }}")
    def self_named(x):
        from airflow.sdk import get_current_context

        get_current_context()["label"] = f"is {x}"
        return x

    self_named.expand(x=["a", "b"])

with DAG("pulled_by_index", schedule=None):
    added = add.expand(x=[1, 2, 3])

    @task
    def pull(ti=None):
        return [
            ti.xcom_pull(task_ids="add", map_indexes=1),
            ti.xcom_pull(task_ids="add", map_indexes=[2, 0]),
            list(ti.xcom_pull(task_ids="add")),
            ti.xcom_pull(task_ids="add", map_indexes=7, default="none"),
        ]

    added >> pull()

with DAG("sequence_used_in_parts", schedule=None):

    @task
    def parts(values):
        return [len(values), values[0], values[-1], list(values[1:3]), list(values[::2]), list(values)]

    parts(add.expand(x=[1, 2, 3, 4]))

with DAG("shared_argument_is_a_result", schedule=None):
    listed(add.partial(y=total([1, 2])).expand(x=[1, 2]))
