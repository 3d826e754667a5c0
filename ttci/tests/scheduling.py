"""How pytest-xdist spreads the suite: a test's checks stay on one worker."""

from __future__ import annotations

from contextlib import suppress
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
        running = next(
            ((unit, nodeid) for unit in units.values() for nodeid in unit if not unit[nodeid]), None
        )
        if running:
            unit, nodeid = running
            unit[nodeid] = True
        # A unit of which nothing is left would keep the worker that gets it waiting.
        self.assigned_work[node] = {test: unit for test, unit in units.items() if not all(unit.values())}
        super().remove_node(node)
        return running[1] if running else None

    def _reschedule(self, node: Any) -> None:
        """Give a worker two checks, where there are so many: it begins with none before it knows the next.

        One that takes another's place is given none before it has said what it collected.
        """
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            self._assign_work_unit(node)

    def _assign_work_unit(self, node: Any) -> None:
        """Give a worker a unit, also one that has died unnoticed: `remove_node` takes it back."""
        with suppress(OSError):  # there is nobody to send it to
            super()._assign_work_unit(node)
