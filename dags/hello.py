from sailplane import dag, task


@dag(schedule="@daily", tags=["example"])
def hello():
    @task
    def pilots():
        return ["Ada", "Grace", "Katherine"]

    @task
    def greet(names):
        print("Hello " + ", ".join(names))

    greet(pilots())


hello()
