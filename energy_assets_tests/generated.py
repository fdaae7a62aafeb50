"""How many examples the tests with generated input try, and ways to damage any input.

ENERGY_ASSETS_TEST_EXAMPLES=10000 tries that many, other ones each time. Without it they are few and
always the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_EXAMPLES = int(os.environ.get("ENERGY_ASSETS_TEST_EXAMPLES", "0"))

many_examples = settings(
    max_examples=_EXAMPLES or 200,
    derandomize=not _EXAMPLES,
    database=None,
    deadline=timedelta(seconds=10),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Decorates a test with `given`. An example that takes more than 10 s fails."""


def run_machine(
    machine: Callable[[], RuleBasedStateMachine], examples: int, steps: int = 20
) -> None:
    """Run sequences of a state machine's rules, always the same ones."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


any_text = st.text(st.characters(), max_size=12)
"""Text with characters that cannot be encoded among them."""

text = st.text(max_size=12)


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Contents of which some bytes are missing, repeated or replaced."""
    content = draw(contents)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        middle = draw(st.binary(max_size=8) | st.just(content[start:end] * 2))
        content = content[:start] + middle + content[end:]
    return content
