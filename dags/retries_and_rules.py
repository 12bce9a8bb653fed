"""What happens when tasks fail: retries, and trigger rules that look at how the upstream tasks ended.

lucky_third_try, hopeless -> alert    starts as soon as one of the two has failed for good
                          -> tidy_up  starts when both have ended, however they ended
"""

from datetime import timedelta

from sailplane import DAG, AirflowFailException, cross_downstream, task

with DAG(
    "retries_and_rules",
    description="A task that fails twice, one that fails for good, and what runs nevertheless",
    schedule=None,
    tags=["example"],
    doc_md=__doc__,
):

    @task(retries=2, retry_delay=timedelta(seconds=1))
    def lucky_third_try(ti):
        print(f"try {ti.try_number}")
        if ti.try_number < 3:
            raise RuntimeError("no luck yet")

    # Retries are for trouble that passes. This exception says that trying again is of no use, so none is made.
    @task(retries=5)
    def hopeless():
        raise AirflowFailException("the order does not exist")

    @task(trigger_rule="one_failed")
    def alert():
        print("An upstream task failed; the other one may still be running.")

    # The run's state is that of its last tasks. This one succeeds whatever happened, and so does `alert`: the run is a
    # success although `hopeless` failed.
    @task(trigger_rule="all_done")
    def tidy_up():
        print("All upstream tasks have ended.")

    cross_downstream([lucky_third_try(), hopeless()], [alert(), tidy_up()])
