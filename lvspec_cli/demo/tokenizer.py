"""The embedded pair's tokenizer: a byte-level BPE of about a thousand tokens that can spell any text."""

from __future__ import annotations

import random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

from lvspec_cli.demo.grammar import CAPTION_PROMPTS, TAG_PROMPTS, caption, join, tags
from lvspec_cli.demo.questions import random_questions
from lvspec_cli.demo.scene import random_truth

VOCABULARY_SIZE = 1024
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def _corpus(seed: int = 0, scenes: int = 4000) -> list[str]:
    generator = random.Random(seed)
    texts = [*CAPTION_PROMPTS, *TAG_PROMPTS, "system user assistant You are a helpful assistant."] * 50
    for _ in range(scenes):
        truth = random_truth(generator)
        texts += [join(caption(truth, generator)), join(tags(truth))]
        for question in random_questions(truth, generator, 3):
            texts += [question.text, join(list(question.answer))]
    return texts


def train_tokenizer() -> Qwen2Tokenizer:
    """Learn the merges from captions, tags, questions and prompts; the same result on every machine."""
    # The class rebuilds its own splitting of text when it loads a folder, so the merges are learnt under that.
    qwen = Qwen2Tokenizer().backend_tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = qwen.normalizer
    tokenizer.pre_tokenizer = qwen.pre_tokenizer
    tokenizer.decoder = qwen.decoder
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return Qwen2Tokenizer(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        bos_token=None,
        additional_special_tokens=list(SPECIAL_TOKENS),
    )
