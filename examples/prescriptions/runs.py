"""One experiment over both models and all seeds, several at once."""

import multiprocessing
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from examples.prescriptions.data import Texts
from examples.prescriptions.experiments import Experiment, experiment
from examples.prescriptions.llama import llama
from examples.prescriptions.minilm import MiniLM
from examples.prescriptions.subject import Subject
from examples.prescriptions.trials import Outcome, Trial, outcomes

MODELS = ("LLaMA", "MiniLM")


def run(chosen: Experiment, seeds: Sequence[int], given: Texts, out: Path, jobs: int) -> tuple[list[Outcome], float]:
    """The outcomes of both models over the seeds, and the processor time."""
    wanted = [(model, seed) for model in MODELS for seed in seeds]
    work = partial(trials, kind=chosen.kind, given=given, out=out)
    with multiprocessing.get_context("spawn").Pool(jobs, torch.set_num_threads, (1,)) as pool:
        done = pool.map(work, wanted, chunksize=1)
    by_model = [
        [found for (name, _), (found, _) in zip(wanted, done, strict=True) if name == model] for model in MODELS
    ]
    pairs = zip(MODELS, chosen.units, by_model, strict=True)
    return [each for model, unit, own in pairs for each in outcomes(model, unit, own)], sum(s for _, s in done)


def trials(wanted: tuple[str, int], kind: str, given: Texts, out: Path) -> tuple[list[Trial], float]:
    """One model of one seed; with one thread, so that numbers do not hang on how many cores there are."""
    model, seed = wanted
    began = time.process_time()
    subject: Subject = llama(seed, given, out) if model == "LLaMA" else MiniLM(seed, given)
    found = experiment(kind).trials(subject, out / f"{model.lower()}-seed{seed}-files")
    seconds = time.process_time() - began
    print(f"{kind}: {model}, seed {seed}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return found, seconds
