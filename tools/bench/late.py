# islet: age of a measurement and response of a car, learned against the true ones.
# GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

from tests_host.core.late_plant import all_learned
from tools.bench.table import Figure


def measure(quick: bool) -> Iterator[Figure]:
    for reaction_s in (0.5,) if quick else (0.5, 3.0):
        for name, age_ms, true_age_ms, response_ms, true_ms in all_learned(reaction_s):
            yield Figure(
                f"{name}, a car of {true_ms:.0f} ms",
                f"age {age_ms} (true {true_age_ms}), response {response_ms} ({true_ms:.0f}) ms",
                "age 0.8 to 1.3 × + 400 ms, response - 50 to + 500 ms",
                "assumed: 200 ms and the declared 5 s",
                "panel and limits alone, five steps down and up; the true age is the worst",
            )
