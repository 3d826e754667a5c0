"""How pytest-xdist spreads the suite: a test's checks stay on one worker."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

from ttci.manifest.identity import test_of
from ttci.tests.arguments import identity_in


class TestByTest(LoadGroupScheduling):  # type: ignore[misc]
    """Sends the checks of a test, which share what was made ready, to one worker.

    pytest-xdist's own groups hang on a suffix to the node id, which pytest 9.2
    drops and the identity has no room for.
    """

    __test__ = False

    def _split_scope(self, nodeid: str) -> str:
        identity = identity_in(nodeid)
        return test_of(identity) if identity else str(super()._split_scope(nodeid))

    def remove_node(self, node: Any) -> str | None:
        """Take a worker out; a check that killed it has had its turn, the others run elsewhere."""
        units: dict[str, dict[str, bool]] = self.assigned_work[node]
        unfinished = {scope: unit for scope, unit in units.items() if not all(unit.values())}
        self.assigned_work[node] = unfinished
        running = next(
            ((unit, nodeid) for unit in unfinished.values() for nodeid in unit if not unit[nodeid]), None
        )
        if running:
            unit, nodeid = running
            unit[nodeid] = True
        super().remove_node(node)
        return running[1] if running else None
