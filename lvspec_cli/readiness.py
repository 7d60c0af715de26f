"""What a preset finds on this machine and what it would need there, told without loading its models."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.errors import LvspecError
from lvspec_cli.models.footprint import PairFootprint, estimate_pair
from lvspec_cli.models.room import GIB, USABLE, Room, rooms, total_bytes
from lvspec_cli.models.weights_on_disk import FilesOnDisk, fetching_advice, files_of
from lvspec_cli.preset import ROLES, Preset


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


def headroom_bytes(room: Room) -> int | None:
    """What is left of the memory that counts, negative where it is too little; None if the device does not say."""
    return None if room.present_bytes is None else int(USABLE * room.present_bytes) - room.needed_bytes


def _verdict(preset: Preset, places: tuple[Room, ...], files: tuple[FilesOnDisk, FilesOnDisk]) -> str:
    needs = "; ".join(map(_need, places))
    if not all(room.fits for room in places):
        packed = "" if preset.target.quantization == "nf4" else "4-bit weights (quantization nf4), "
        return f"does not fit: it needs {needs}; choose {packed}fewer frames or a smaller pair"
    lacking = [role for role, found in zip(ROLES, files, strict=True) if found.missing]
    if lacking:
        advice = fetching_advice(preset, lacking)
        return f"would fit: it needs {needs}; but files of {' and '.join(lacking)} are missing: {advice}"
    return f"ready: it needs {needs}"


def _need(room: Room) -> str:
    needed = f"{room.needed_bytes / GIB:.2f} GiB"
    if room.present_bytes is None:
        return f"{needed} of {room.device}, which does not say how much it has"
    usable = f"{USABLE * room.present_bytes / GIB:.2f} GiB"
    return f"{needed} of {room.device}, which can give {usable} ({USABLE:.0%} of its memory)"
