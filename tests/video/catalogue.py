"""The videos that the readers must pass: codecs, containers, and the quirks of their clocks."""

from __future__ import annotations

from tests.video.encoding import FRAMES, Encoding

B3 = {"bf": "3"}
UNEVEN_MS = tuple(40 * number + 7 * (number % 5) + (900 if number > 30 else 0) for number in range(FRAMES))
NEGATIVE = {"avoid_negative_ts": "disabled"}  # the muxer then hides what comes before zero behind an edit list

ENCODINGS = {
    "h264-mp4": Encoding("h264.mp4", "libx264", options=B3),
    "h264-10bit-mp4": Encoding("h264-10bit.mp4", "libx264", "yuv420p10le", B3),
    "h264-444-mkv": Encoding("h264-444.mkv", "libx264", "yuv444p", B3),
    "h264-mov": Encoding("h264.mov", "libx264", options=B3),
    "h264-mkv": Encoding("h264.mkv", "libx264", options=B3),
    "h264-ts": Encoding("h264.ts", "libx264", options=B3),
    "h264-flv": Encoding("h264.flv", "libx264", options=B3),
    "h264-avi": Encoding("h264.avi", "libx264", options=B3),
    "h264-3gp": Encoding("h264.3gp", "libx264", options=B3),
    "h264-bare": Encoding("h264.h264", "libx264", options=B3),
    "hevc-mp4": Encoding("hevc.mp4", "libx265", options={"x265-params": "log-level=none"}),
    "hevc-10bit-mkv": Encoding("hevc-10bit.mkv", "libx265", "yuv420p10le", {"x265-params": "log-level=none"}),
    "hevc-ts": Encoding("hevc.ts", "libx265", options={"x265-params": "log-level=none:open-gop=1"}),
    "vp8-webm": Encoding("vp8.webm", "libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "b": "400k"}),
    "vp9-webm": Encoding("vp9.webm", "libvpx-vp9", options={"auto-alt-ref": "1", "lag-in-frames": "16", "b": "400k"}),
    "vp9-mp4": Encoding("vp9.mp4", "libvpx-vp9", options={"b": "400k"}),
    "av1-mp4": Encoding("av1.mp4", "libsvtav1", options={"preset": "8", "crf": "20"}),
    "av1-mkv": Encoding("av1.mkv", "libsvtav1", options={"preset": "8", "crf": "20"}),
    "mpeg1-mpg": Encoding("mpeg1.mpg", "mpeg1video", b_frames=2, options={"b": "2M"}),
    "mpeg2-mpg": Encoding("mpeg2.mpg", "mpeg2video", b_frames=2, options={"b": "2M"}),
    "mpeg2-ts": Encoding("mpeg2.ts", "mpeg2video", b_frames=2, options={"b": "2M"}),
    "mpeg1-avi": Encoding("mpeg1.avi", "mpeg1video", b_frames=2, options={"b": "2M"}),
    "mpeg2-avi": Encoding("mpeg2.avi", "mpeg2video", b_frames=2, options={"b": "2M"}),
    "mpeg4-avi": Encoding("mpeg4.avi", "mpeg4", b_frames=2, options={"b": "2M"}),
    "mpeg4-mp4": Encoding("mpeg4.mp4", "mpeg4", b_frames=2, options={"b": "2M"}),
    "mpeg4-mkv": Encoding("mpeg4.mkv", "mpeg4", b_frames=2, options={"b": "2M"}),
    "mjpeg-avi": Encoding("mjpeg.avi", "mjpeg", "yuvj420p"),
    "mjpeg-mov": Encoding("mjpeg.mov", "mjpeg", "yuvj420p"),
    "prores-mov": Encoding("prores.mov", "prores_ks", "yuv422p10le"),
    "ffv1-mkv": Encoding("ffv1.mkv", "ffv1"),
    "flv1-flv": Encoding("flv1.flv", "flv", options={"b": "2M"}),
    "h263-3gp": Encoding("h263.3gp", "h263", options={"b": "2M"}, size=(128, 96)),
    "wmv2-asf": Encoding("wmv2.asf", "wmv2", options={"b": "2M"}),
    "long-gop-mp4": Encoding("long.mp4", "libx264", options=B3, frame_count=300, group_of_pictures=1000),
    "open-gop-mp4": Encoding("open.mp4", "libx264", options={**B3, "x264-params": "open-gop=1"}),
    "open-gop-ts": Encoding("open.ts", "libx264", options={**B3, "x264-params": "open-gop=1"}),
    "open-gop-mkv": Encoding("open.mkv", "libx264", options={**B3, "x264-params": "open-gop=1"}),
    "tiny-gop-mp4": Encoding("tiny.mp4", "libx264", options=B3, group_of_pictures=3),
    "intra-refresh-ts": Encoding("refresh.ts", "libx264", options={"x264-params": "intra-refresh=1"}),
    "intra-refresh-mp4": Encoding("refresh.mp4", "libx264", options={"x264-params": "intra-refresh=1"}),
    "interlaced-mp4": Encoding("interlaced.mp4", "libx264", options={"x264-params": "tff=1"}),
    "fragmented-mp4": Encoding(
        "fragmented.mp4", "libx264", options=B3, container_options={"movflags": "frag_keyframe"}
    ),
    "uneven-mp4": Encoding("uneven.mp4", "libx264", options=B3, times_ms=UNEVEN_MS),
    "uneven-mkv": Encoding("uneven.mkv", "libx264", options=B3, times_ms=UNEVEN_MS),
    "uneven-webm": Encoding("uneven.webm", "libvpx-vp9", options={"b": "400k"}, times_ms=UNEVEN_MS),
    "offset-ts": Encoding("offset.ts", "libx264", options=B3, shift=250_000),
    "offset-mp4": Encoding("offset.mp4", "libx264", options=B3, shift=25),
    "offset-mkv": Encoding("offset.mkv", "libx264", options=B3, shift=1000),
    "edit-list-mp4": Encoding("edit.mp4", "libx264", options=B3, container_options=NEGATIVE, shift=-10),
    "edit-list-mov": Encoding("edit.mov", "libx264", options=B3, container_options=NEGATIVE, shift=-29),
    "offset-flv": Encoding("offset.flv", "libx264", options=B3, shift=100),
}
