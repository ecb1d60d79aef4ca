"""The histogram says of any list of numbers what the sorted list says, to within 1%; and histograms add up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqttdissect.analysis.histogram import HIGHEST, Histogram, from_json, index_of, lowest_of
from mqttdissect.output.charts import size_edges, time_edges

PERCENTS = (0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.999, 100.0)
numbers = st.one_of(
    st.integers(0, 300), st.integers(0, 10**6), st.integers(0, 10**12), st.integers(0, HIGHEST), st.just(HIGHEST)
)
lists = st.lists(numbers, max_size=300)


def made_of(values: list[int]) -> Histogram:
    """Record them all."""
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def nearest_rank(values: list[int], percent: float) -> int:
    """By the definition of a percentile, in whole numbers."""
    ordered = sorted(values)
    rank = -(-len(ordered) * round(percent * 1000) // 100_000)
    return ordered[max(rank, 1) - 1]


@given(lists)
def test_percentiles_are_those_of_the_sorted_list(values: list[int]) -> None:
    histogram = made_of(values)
    assert histogram.count == len(values)
    assert histogram.total == sum(values)
    for percent in PERCENTS:
        expected = nearest_rank(values, percent) if values else 0
        assert abs(histogram.percentile(percent) - expected) <= expected / 128
    if values:
        assert (histogram.percentile(0), histogram.percentile(100)) == (min(values), max(values))
        assert (histogram.low, histogram.high) == (min(values), max(values))
        assert math.isclose(histogram.mean(), sum(values) / len(values), rel_tol=1e-15)  # a float has 53 bits


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300))
def test_small_values_are_exact(values: list[int]) -> None:
    histogram = made_of(values)
    for percent in PERCENTS:
        assert histogram.percentile(percent) == nearest_rank(values, percent)


@given(lists, lists)
def test_two_add_up_to_the_one_of_both(first: list[int], second: list[int]) -> None:
    merged = made_of(first)
    merged.add(made_of(second))
    assert merged.to_json() == made_of(first + second).to_json()


@given(lists)
def test_json_and_back(values: list[int]) -> None:
    histogram = made_of(values)
    text = json.dumps(histogram.to_json())
    assert from_json(json.loads(text)).to_json() == histogram.to_json()


@given(numbers)
def test_a_bucket_is_narrow(value: int) -> None:
    index = index_of(value)
    low, next_low = lowest_of(index), lowest_of(index + 1) if index < 7295 else HIGHEST + 1
    assert low <= value < next_low
    assert next_low - low <= max(1, low / 128)
    assert 0 <= index <= 7295


@pytest.mark.parametrize("power", range(62))
def test_the_interval_of_each_power_of_two(power: int) -> None:
    assert made_of([1 << power]).between([0, 1 << power]) == [0, 1]


@given(st.lists(st.integers(0, 1 << 40), max_size=100))
def test_intervals_at_powers_of_two_are_exact(values: list[int]) -> None:
    edges = [0, *(1 << n for n in range(41))]
    counts = made_of(values).between(edges)
    ends = [*edges[1:], HIGHEST]
    assert counts == [sum(low <= v < high for v in values) for low, high in zip(edges, ends, strict=True)]


def test_what_lies_below_the_first_edge_is_left_out() -> None:
    assert made_of([1, 2, 3, 10]).between([3, 5]) == [1, 1]


@pytest.mark.parametrize("edges", [size_edges, time_edges])
@given(values=st.lists(st.integers(0, 10**13), min_size=1) | st.lists(st.sampled_from([10**7, 2 * 10**7]), min_size=1))
def test_bars_add_up_to_all_values(edges: Callable[[Histogram], list[int]], values: list[int]) -> None:
    """Also those in the bucket of the least one, of which the middle may lie below the first edge."""
    histogram = made_of(values)
    assert sum(histogram.between(edges(histogram))) == len(values)


def test_clocks_that_run_backwards_count_as_no_time_at_all() -> None:
    histogram = made_of([-5])
    assert (histogram.count, histogram.total, histogram.low, histogram.high) == (1, 0, 0, 0)


def test_memory_is_bounded() -> None:
    """Whatever the values: `_counts` has a place for each of at most 7,296 buckets."""
    histogram = made_of([HIGHEST >> shift for shift in range(63)] * 10)
    assert len(histogram.to_json()["counts"]) <= 7296  # type: ignore[arg-type]
    assert index_of(HIGHEST) == 7295


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"scheme": "another", "counts": [], "count": 0, "sum": 0, "min": 0, "max": 0},
        {"scheme": "log-linear-128", "counts": [[1, 2]], "count": 3, "sum": 2, "min": 1, "max": 1},
        {"scheme": "log-linear-128", "counts": [[-1, 1]], "count": 1, "sum": 2, "min": 1, "max": 1},
        {"scheme": "log-linear-128", "counts": [["a", 1]], "count": 1, "sum": 2, "min": 1, "max": 1},
        {"scheme": "log-linear-128", "counts": [7], "count": 1, "sum": 2, "min": 1, "max": 1},
    ],
)
def test_what_is_no_histogram_is_refused(found: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="histogram"):
        from_json(found)
