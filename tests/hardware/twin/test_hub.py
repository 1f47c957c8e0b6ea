import pytest

from hardware.twin.hub import Hub
from hardware.twin.seeded import normal, uniform


def test_processes_run_in_order_of_time():
    hub, seen = Hub(), []

    def process(name, period_us):
        def run():
            for _ in range(3):
                hub.sleep_until(hub.now_us + period_us)
                seen.append((hub.now_us, name))

        return run

    hub.spawn(process("slow", 30))
    hub.spawn(process("fast", 20))
    hub.run_until(1000)
    assert seen == [
        (20, "fast"),
        (30, "slow"),
        (40, "fast"),
        (60, "slow"),
        (60, "fast"),
        (90, "slow"),
    ]


def test_time_stands_at_the_end_of_a_run_and_goes_on_from_there():
    hub, seen = Hub(), []

    def process():
        hub.sleep_until(150)
        seen.append(hub.now_us)

    hub.spawn(process)
    hub.run_until(100)
    assert hub.now_us == 100 and not seen
    hub.run_until(200)
    assert hub.now_us == 200 and seen == [150]


def test_an_error_in_a_process_ends_the_run():
    hub = Hub()

    def process():
        hub.sleep_until(5)
        raise KeyError("lost")

    hub.spawn(process)
    with pytest.raises(KeyError, match="lost"):
        hub.run_until(10)


def test_what_another_thread_posts_is_done_soon():
    hub, seen = Hub(), []

    def process():
        hub.post(lambda: seen.append(hub.now_us))
        hub.sleep_until(70)

    hub.spawn(process)
    hub.run_until(100)
    assert seen == [0]


def test_random_numbers_depend_on_their_key_alone():
    assert uniform(1, "a", 5) == uniform(1, "a", 5)
    assert len({uniform(1, "a", n) for n in range(1000)}) == 1000
    numbers = [normal(2, "b", n) for n in range(4000)]
    assert abs(sum(numbers) / 4000) < 0.06
    assert abs(sum(n * n for n in numbers) / 4000 - 1) < 0.08
