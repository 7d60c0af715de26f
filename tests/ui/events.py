"""Events made by hand, as a decode would yield them, with fixed times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvspec_cli.caption import Part, Progress, Sight
from lvspec_cli.decoding.events import FinishReason, Origin, Refusal, Round, Token
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.settings import Settings, argument_layer, resolve
from lvspec_cli.token_texts import TokenTexts
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.ledger import Ledger
from lvspec_cli.video.clip import VideoFacts

FACTS = VideoFacts(
    path="beach.mp4",
    fingerprint="0",
    container="mp4",
    codec="h264",
    width=1920,
    height=1080,
    rotation_degrees=0,
    sample_aspect_ratio="1:1",
    duration_s=62.5,
    average_frame_rate=25.0,
    bad_packets=0,
    decoder="pyav",
    warnings=(),
)
SIGHT = Sight(FACTS, (5.2, 15.6, 26.0, 36.4, 46.8, 57.2), 0.0, 62.5)
EXACT, LOOSE, SHIFTED = Origin.EXACT, Origin.LOOSE, Origin.SHIFTED
RECOVERED, BONUS, TARGET = Origin.RECOVERED, Origin.BONUS, Origin.TARGET


class Vocabulary:
    """Gives every text an id, and turns ids into text as a tokenizer would."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self.texts = TokenTexts(self.decode)

    def id(self, text: str | bytes) -> int:
        """The id of a text, or of bytes that are a part of a character."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if data not in self._texts:
            self._texts.append(data)
        return self._texts.index(data)

    def decode(self, ids: Sequence[int]) -> str:
        """What ids say together."""
        return b"".join(self._texts[token] for token in ids).decode("utf-8", "replace")


class Decode:
    """Makes the steps of one part of a caption, one after another."""

    def __init__(self, part: Part | None = None, sight: Sight = SIGHT, *, drafts: bool = True) -> None:
        self.vocabulary = Vocabulary()
        self.part, self.sight = part, sight
        self.stats = DecodingStats(
            video_tokens=1536,
            draft_video_tokens=154 if drafts else None,
            memory_bytes=21 * 2**30,
            target_step_seconds=0.08,
            prefill_seconds=2.5,
        )

    def before(self) -> list[Progress]:
        """The steps before the first round."""
        seen = Progress("prefilling", part=self.part, sight=self.sight)
        return [Progress("reading", part=self.part), Progress("loading", part=self.part), seen]

    def round(
        self,
        committed: Iterable[tuple[str | bytes, Origin]],
        rejected: Iterable[str] = (),
        *,
        beyond: Iterable[str] = (),
        refusal: Refusal | None = None,
        finish: FinishReason | None = None,
        seconds: float = 0.2,
    ) -> Progress:
        """A step of decoding: tokens with their origins, and what of the draft was not kept."""
        tokens = tuple(Token(self.vocabulary.id(text), origin, -0.1, 0, -0.1) for text, origin in committed)
        accepted = [token.id for token in tokens if token.from_draft]
        dropped = tuple(map(self.vocabulary.id, rejected))
        event = Round(
            index=self.stats.num_spec_steps,
            draft_tokens=(*accepted, *map(self.vocabulary.id, beyond), *dropped),
            tokens=tokens,
            rejected=dropped,
            draft_seconds=seconds / 4,
            verify_seconds=seconds / 2,
            round_seconds=seconds,
            finish_reason=finish,
            refusal=refusal,
        )
        self.stats.observe(event)
        said = "".join(text for text, _ in committed if isinstance(text, str))
        return Progress(
            "decoding", said, event, None, self.part, self.sight, stats=self.stats, texts=self.vocabulary.texts
        )


def settings(**options: object) -> Settings:
    """Settings as those of a run."""
    return resolve([argument_layer({"method": "lvspec", "max_tokens": 80, **options})])


def drafted_rounds(decode: Decode) -> list[Progress]:
    """Four rounds in which everything occurs that can become of a draft token."""
    first = [("A", EXACT), (" wide", LOOSE), (" beach", EXACT), (" with", EXACT), (" palm", RECOVERED)]
    second = [(" trees", EXACT), (" bends", LOOSE), (" along", EXACT), (" the", EXACT), (" bay", EXACT), (";", BONUS)]
    third = [(" people", EXACT), (" walk", SHIFTED), (" their", EXACT), (" dogs", RECOVERED)]
    fourth = [(" in", EXACT), (" the", EXACT), (" surf", RECOVERED)]
    return [
        decode.round(first, [" some", " tall", " trees"], refusal=Refusal.ANCHOR),
        decode.round(second),
        decode.round(third, [" cats", " slowly"], refusal=Refusal.ANCHOR, seconds=0.25),
        decode.round(fourth, [" 3", " waves"], refusal=Refusal.CRITICAL, seconds=0.25),
    ]


def known_after(
    steps: Sequence[Progress],
    options: Settings | None = None,
    *,
    path: str = "beach.mp4",
    place: tuple[int, int] = (0, 1),
    now: float = 12.0,
) -> Known:
    """What is known after steps of which each takes half a second; ``place``: number of the video, and of how many."""
    ledger = Ledger()
    ledger.settle(options or settings())
    for index in range(place[0]):
        ledger.begin(100.0 * index - 100.0 * place[0], f"{index}.mp4", index, place[1])
        ledger.end(100.0 * index - 100.0 * place[0] + 95.0, failed=index == 1)
    ledger.begin(0.0, path, *place)
    for index, step in enumerate(steps):
        ledger.take(0.5 * index, step)
    return ledger.known(now)


def in_the_middle() -> Known:
    """A caption by `lvspec` after four rounds."""
    decode = Decode()
    return known_after([*decode.before(), *drafted_rounds(decode)])
