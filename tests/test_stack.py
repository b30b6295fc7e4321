"""Traps of the stack that only show when libraries meet in one process."""

from __future__ import annotations

import subprocess
import sys

import pytest

PULP = """
import pulp
problem = pulp.LpProblem("stack", pulp.LpMaximize)
x = problem.add_variable("x", 0, 3.5, cat="Integer")
problem += x
problem.solve(pulp.HiGHS(msg=False))
assert problem.sol_status == 1, problem.sol_status
assert x.value() == 3
"""
ORTOOLS = """
from ortools.constraint_solver import pywrapcp
manager = pywrapcp.RoutingIndexManager(3, 1, 0)
routing = pywrapcp.RoutingModel(manager)
assert routing.nodes() == 3
"""


@pytest.mark.parametrize("program", [PULP + ORTOOLS, ORTOOLS + PULP], ids=["pulp first", "ortools first"])
def test_highs_and_ortools_live_in_one_process(program):
    """highspy 1.15 and ortools 9.15 clash on a symbol, whichever comes first; the pinned pair does not."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_scipy_brings_its_own_highs_and_does_not_mind_the_other():
    program = PULP + "from scipy.optimize import linprog\nassert linprog([1.0], bounds=[(2, None)]).fun == 2.0\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
