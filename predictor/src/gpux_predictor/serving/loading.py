"""From a manifest to a model that can run."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from gpux_api.quantity import value_of
from gpux_api.v1alpha1 import GpuxModel
from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.batching.plan import Plan
from gpux_predictor.engine import cpus, source, uris
from gpux_predictor.engine.options import Device, engine_cache
from gpux_predictor.engine.proof import ON_CPU, ON_DEVICE, Run
from gpux_predictor.engine.providers import CPU
from gpux_predictor.engine.session import Session
from gpux_predictor.engine.trial_run import TrialRun
from gpux_predictor.engine.versions import versions
from gpux_predictor.engine.warmup import Learnt, warm_up
from gpux_predictor.engine.wishes import Hints, Traits, Wish
from gpux_predictor.errors import RequestError
from gpux_predictor.serving import health, samples, steps
from gpux_predictor.serving.health import Health
from gpux_predictor.serving.pipeline import Pipeline
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.signature import Signature, declared
from gpux_predictor.transforms import token_inputs

WARM_UP_SECONDS = 20.0
"""For all trial runs on a CPU; a model that has not been learnt by then serves one request a run."""


TRIAL_SAMPLES = 5


@dataclass(frozen=True)
class Origin:
    """Where a manifest and its model's files are on this machine.

    Attributes:
        manifest_dir: what a relative `file://` source is relative to.
        model_dir: where the source's files already are, None to find them by the source's uri.
    """

    manifest_dir: Path
    model_dir: Path | None = None


@dataclass(frozen=True)
class LoadedModel:
    """A model that can run.

    Attributes:
        pipeline: from requests to feeds, and from results to answers.
        learnt: what the warm-up found.
        plan: which requests may share a run.
    """

    file: Path
    sha256: str
    session: Session
    signature: Signature
    pipeline: Pipeline
    learnt: Learnt
    plan: Plan

    def predict(self, body: bytes, run: Run | None = None) -> bytes:
        """Answers one JSON body of /predict on the calling thread, without a queue; `run` is the session's if it is not given."""
        names = [tensor.name for tensor in self.signature.outputs]
        prepared = self.pipeline.decode(body)
        found = [run(part) if run else self.session.run(names, part) for part in prepared.parts]
        return self.pipeline.encode(prepared, found)


def load(model: GpuxModel, origin: Origin, tell: Callable[[Health], None] = lambda _: None) -> LoadedModel:
    """Finds, verifies, loads and warms up the model of a manifest, and checks its samples.

    Args:
        model: the manifest.
        origin: where its files are.
        tell: hears of each phase.

    Raises:
        LoadError: with the reason why it cannot be served.
    """
    loaded = load_unchecked(model, origin, tell)
    if model.spec.samples:
        with sample_runs(model, loaded) as run:
            samples.check(
                model.spec.samples,
                lambda body: loaded.predict(body, run),
                lambda number, count: tell(health.checking(number, count)),
            )
    return loaded


def load_unchecked(model: GpuxModel, origin: Origin, tell: Callable[[Health], None] = lambda _: None) -> LoadedModel:
    """The same as `load` without the samples, which are to be checked before the model takes requests."""
    spec = model.spec
    uri = uris.shown(spec.model.source.uri)

    def progress(done: int, total: int | None) -> None:
        tell(health.downloading(uri, done, total))

    tell(health.loading(f"loading {uri}"))
    root = source.root(spec.model.source, origin.manifest_dir, origin.model_dir, progress)
    tell(health.loading(f"loading {uri}"))
    file = source.find(root, spec.model.source)
    sha256 = source.digest(file)
    source.verify(sha256, spec.model.source.sha256, file)
    gpu = spec.runtime.gpu
    memory = int(value_of(gpu.memory)) if gpu and gpu.memory else None
    cache = engine_cache()
    threads = spec.runtime.threads or cpus.available()
    device = Device(memory, threads, sha256, cache, versions() if cache else ())
    session = Session(file, gpu.backend if gpu else "cpu", device)
    signature = declared(session.signature, spec.inputs, spec.outputs)
    tell(health.warming_up(f"trying {file.name} on {session.providers[0]}"))
    made = steps.build(spec, root, signature)
    return _warmed(spec, file, sha256, session, signature, made)


def sample_runs(model: GpuxModel, loaded: LoadedModel) -> TrialRun:
    """Runs for the manifest's samples: each may take as long as a request's."""
    return _trial_run(model.spec, loaded.session, loaded.signature, float("inf"))


def _trial_run(spec: GpuxModelSpec, session: Session, signature: Signature, budget_seconds: float) -> TrialRun:
    """Runs of all outputs that take no longer than a request's may."""
    names = [tensor.name for tensor in signature.outputs]
    most_seconds = spec.runtime.timeout_seconds if session.providers[0] == CPU else None
    return TrialRun(session, names, most_seconds, budget_seconds)


def _warmed(  # noqa: PLR0913, PLR0917
    spec: GpuxModelSpec, file: Path, sha256: str, session: Session, signature: Signature, made: steps.Steps
) -> LoadedModel:
    axis = batch_axis.find(signature)
    wish = Wish() if (b := spec.runtime.batching) is None else Wish(b.batch_axis, b.max_size)
    with _trial_run(spec, session, signature, WARM_UP_SECONDS) as run:
        traits = Traits(ON_CPU if session.providers[0] == CPU else ON_DEVICE, session.sizes)
        learnt = warm_up(signature, axis.inputs, run, wish, _hints(spec, signature, axis, made), traits)
    if learnt.proof.outputs is not None:
        axis = batch_axis.with_outputs(axis, learnt.proof.outputs)
    plan = _plan(axis, learnt)
    pipeline = Pipeline(signature, axis, made, plan, (spec.model.version, spec.model.run_id))
    return LoadedModel(file, sha256, session, signature, pipeline, learnt, plan)


def _hints(spec: GpuxModelSpec, signature: Signature, axis: batch_axis.BatchAxis, made: steps.Steps) -> Hints:
    """Samples that are known to be right: texts, or those of the manifest."""
    if made.text is not None and {t.name for t in signature.inputs} == set(made.text.inputs):
        pads = {} if made.text.pad_left or made.text.fixed_length else made.text.pad
        return Hints(steps.trial_rows(made.text, TRIAL_SAMPLES), pads)
    if not spec.samples and (constant := token_inputs.masks(signature)):
        return Hints((), dict.fromkeys((*constant, token_inputs.IDS), 0), constant)
    pipeline = Pipeline(signature, axis, made, Plan())
    parts: list[dict[str, np.ndarray]] = []
    for sample in spec.samples or ():
        with suppress(RequestError):  # which the check of the samples words
            parts += pipeline.decode(orjson.dumps(sample.request)).parts
    single = [p for p in parts if all(len(array) == 1 for name, array in p.items() if name in axis.inputs)]
    return Hints([part for part in single if part.keys() == single[0].keys()])


def _plan(axis: batch_axis.BatchAxis, learnt: Learnt) -> Plan:
    if not learnt.proof.batchable:
        return Plan(cost=learnt.cost, axes=learnt.padding.axes)
    pads = learnt.pad if learnt.padding.neutral else {}
    return Plan(axis.inputs, learnt.limit, learnt.cost, pads, learnt.padding.axes, learnt.capped, learnt.sizes)
