"""What a preset finds on this machine and what it would need there, told without loading its models."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.errors import LvspecError
from lvspec_cli.models.footprint import PairFootprint, estimate_pair
from lvspec_cli.models.room import GIB, Room, rooms, total_bytes
from lvspec_cli.models.weights_on_disk import ROLES, FilesOnDisk, files_of, pull_command
from lvspec_cli.preset import Preset


@dataclass(frozen=True)
class Readiness:
    """A preset on this machine."""

    target_files: FilesOnDisk
    draft_files: FilesOnDisk
    footprint: PairFootprint | None  # None: what the pair needs cannot be told
    rooms: tuple[Room, ...]  # one a device that the pair is placed on; none where that cannot be told
    verdict: str  # one sentence, without a full stop


def readiness(preset: Preset) -> Readiness:
    """Look for the files of both models, estimate their memory at the preset's frames, and judge.

    Counted is all the memory of a device, not what happens to be free.
    """
    files = files_of(preset.target), files_of(preset.draft)
    footprint: PairFootprint | None = None
    try:
        footprint = estimate_pair(preset)
        places = rooms(preset, footprint, total_bytes)
    except LvspecError as error:  # nothing is known of a model, or a device is not here
        return Readiness(*files, footprint, (), f"it cannot be told whether the pair fits: {error}")
    return Readiness(*files, footprint, places, _verdict(preset, places, files))


def _verdict(preset: Preset, places: tuple[Room, ...], files: tuple[FilesOnDisk, FilesOnDisk]) -> str:
    needs = ", and ".join(map(_need, places))
    if not all(room.fits for room in places):
        return f"does not fit: it needs {needs}; choose a smaller pair, fewer frames or 4 bits (nf4)"
    lacking = [role for role, found in zip(ROLES, files, strict=True) if found.missing]
    if lacking:
        local = all(getattr(preset, role).is_local for role in lacking)
        advice = "put them where the preset says" if local else f"run `{pull_command(preset)}`"
        return f"would fit: it needs {needs}; but files of {' and '.join(lacking)} are missing: {advice}"
    return f"ready: it needs {needs}"


def _need(room: Room) -> str:
    there = "an unknown amount" if room.present_bytes is None else f"{room.present_bytes / GIB:.2f} GiB"
    return f"{room.needed_bytes / GIB:.2f} GiB where {room.device} has {there}"
