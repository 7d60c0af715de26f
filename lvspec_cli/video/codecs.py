"""What the installed PyAV, and the FFmpeg in it, can decode."""

from __future__ import annotations

# Codec -> decoders, any of which will do. FFmpeg's own "av1" needs a GPU that decodes, so it is not among them.
_DECODERS = {
    "h264": ("h264",),
    "hevc": ("hevc",),
    "vp9": ("vp9", "libvpx-vp9"),
    "av1": ("libdav1d", "libaom-av1"),
}


def pyav_versions() -> tuple[str, str]:
    """The versions of PyAV and of its FFmpeg. Raises ImportError if there is no PyAV."""
    import av

    return av.__version__, av.ffmpeg_version_info


def decodable() -> dict[str, bool]:
    """Of the codecs that most videos are in, which can be decoded."""
    return {codec: any(map(_has_decoder, names)) for codec, names in _DECODERS.items()}


def _has_decoder(name: str) -> bool:
    from av.codec import Codec

    try:
        Codec(name, "r")
    except ValueError:
        return False
    return True
