"""How a cluster is divided among workers."""

import pytest

from lvspec_cli.batch.ray_cluster import Share, share_of
from lvspec_cli.errors import UsageError

AUTO = ["auto", "auto"]


@pytest.mark.parametrize(
    ("cores", "workers", "share"),
    [
        ([2], None, Share(1, 2, 0)),
        ([2], 2, Share(2, 1, 0)),
        ([2], 3, Share(3, 0.666, 0)),  # Ray would wait for ever for a third whole core
        ([16], 3, Share(3, 5, 0)),
        ([3, 3], 3, Share(3, 1, 0)),  # two cores each would leave room for two workers only
        ([0, 8], 2, Share(2, 4, 0)),  # a head that takes no work
    ],
)
def test_cores_are_shared_so_that_all_workers_find_room(cores, workers, share):
    assert share_of([{"CPU": float(count)} for count in cores], AUTO, workers) == share


@pytest.mark.parametrize(
    ("devices", "workers", "share"),
    [
        (AUTO, None, Share(8, 4, 1)),
        (AUTO, 3, Share(3, 8, 1)),
        (["cuda", "cuda:1"], None, Share(4, 8, 2)),
        (["balanced", "balanced"], 4, Share(4, 8, 2)),
        (["cpu", "cpu"], None, Share(1, 16, 0)),
    ],
)
def test_a_worker_has_the_gpus_that_its_models_name(devices, workers, share):
    assert share_of([{"CPU": 16.0, "GPU": 4.0}] * 2, devices, workers) == share


def test_more_workers_than_there_are_gpus_for_are_refused():
    with pytest.raises(UsageError, match="GPUs for 2 of 3 workers: give --workers 2, or --device cpu"):
        share_of([{"CPU": 8.0, "GPU": 2.0}], AUTO, 3)
    with pytest.raises(UsageError, match="no machine of the cluster has the 3 GPUs"):
        share_of([{"CPU": 8.0, "GPU": 2.0}] * 2, ["cuda:0", "cuda:2"], None)
