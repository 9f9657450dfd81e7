"""Stage `train`: one design trained to its budget, with what it costs after synthesis."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.code_hash import fingerprint
from trigger_lut.config.budget import Spec
from trigger_lut.config.retrain import FrozenInterface
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.cost_model.measured import Built
from trigger_lut.data.event_codes import load_codes
from trigger_lut.evaluation.predictions import save_predictions, trained_predictions
from trigger_lut.network.network import Network, save_network
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.synthesis.timing_closure import measure
from trigger_lut.training import checkpoint
from trigger_lut.training import warm_start as warm_starts
from trigger_lut.training.candidates import TrainingResult
from trigger_lut.training.import_model import (
    check_against_keras,
    place,
    read_given,
    to_be_trained,
    training_notes,
    write_given,
)
from trigger_lut.training.run_state import RunState
from trigger_lut.training.session import Session
from trigger_lut.training.summary import train_card
from trigger_lut.training.xla_flags import choose_flags
from trigger_lut.utils.files import only_writer, sha256, write_together

# Changes to the firmware's C++ do not make another network.
CODE = fingerprint("stages.train", without=("firmware.__init__",))


def run(
    *,
    spec: Path,
    codes: Path,
    checkpoints: Path,
    model: Output,
    network: Output,
    predictions: Output,
    card: Output,
    save_warm_start: Output | None = None,
    warm_start: Path | None = None,
    gpus: int = 1,
    jobs: int = 1,
) -> None:
    """Train a design to its budget; a Keras file that keeps to it is taken as it is.

    Parameters
    ----------
    checkpoints : Path
        Folder of checkpoints, from which an interrupted training resumes.
    model : Output
        Keras model to write.
    network : Output
        Integer network to write.
    predictions : Output
        Outputs of the Keras model on validation and test split, to write.
    save_warm_start : Output or None
        State before the widths are frozen, to write for smaller designs.
    warm_start : Path or None
        That state of the design that this one starts from.
    gpus : int
        GPUs that share the training; default: one.
    jobs : int
        Parts of a design that are synthesized at a time, where it shares hardware over cycles; default: one.

    Raises
    ------
    ConfigurationError
        If network and data do not fit.
    BudgetMissedError
        For a budget below the lower bound. Another missed budget does not raise: the card has `meets_budget:
        false`.
    DivergedError
        If a value is not finite.
    CardError
        For a wrong `warm_start`.
    ToolMissingError
        Without the synthesizer.
    """
    watch = Stopwatch()
    choose_flags()
    design, events = read_card(Spec, spec), load_codes(codes)
    synthesizer_of(design.target).require()
    notes: list[str] = []
    if design.frozen is not None:
        design.frozen.require_unchanged()
    if design.network.keras_file is not None:
        given = read_given(design, events, measure=partial(measure, spec=design, jobs=jobs))
        if not to_be_trained(given, design):
            write_given(
                given,
                design,
                events=events,
                model=model,
                network=network,
                predictions=predictions,
                card=card,
                warm=save_warm_start,
                read=[spec, codes],
                watch=watch,
            )
            return
        notes = given.notes + training_notes(given, events)
    began = warm_starts.load(warm_start, design, events=events)
    read = [spec, codes] if warm_start is None else [spec, codes, warm_start]
    belongs_to = checkpoint.fingerprint(design.model_dump_json(), *(sha256(path) for path in read[1:]), CODE)
    session = Session(
        design,
        events,
        measure=partial(measure, spec=design, jobs=jobs),
        belongs_to=belongs_to,
        folder=checkpoints,
        start=began,
        gpus=gpus,
    )
    with only_writer(checkpoints):
        session.resume()
        result = session.run()
    keras_model, state = session.model.keras_model, session.state
    session.model.load_weights(result.weights)
    integers = integer_network(
        keras_model, events.features, classes=events.classes, inputs=events.formats, wraps=session.model.given
    )
    if (kept := session.model.kept) is not None and design.frozen is not None:
        integers = kept.finished(integers)
        notes = [*notes, *kept_notes(design.frozen, integers)]
    if design.network.keras_file is not None:
        source = Path(design.network.keras_file)
        check_against_keras(keras_model, integers, events=events, where=place(source))
        read = [*read, source]
    outputs = trained_predictions(keras_model, events)
    record = train_card(
        design,
        events,
        integers=integers,
        built=result.built,
        epochs=state.epoch,
        meets_budget=result.meets_budget,
        verdict=verdict(state, result),
        prune_rounds=state.prune_rounds,
        regrow_rounds=state.regrow_rounds,
        measurements=state.measurements,
        seconds_measuring=round(state.seconds_measuring, 3),
        seconds_per_epoch=state.seconds / max(state.epoch, 1),
        history=state.history,
        notes=notes,
        **watch.provenance(read, "tensorflow", "keras"),
    )
    warm_file = {} if save_warm_start is None else {save_warm_start: lambda path: warm_starts.export(checkpoints, path)}
    write_together(
        {
            model: keras_model.save,
            network: lambda path: save_network(integers, path),
            predictions: lambda path: save_predictions(outputs, path),
            **warm_file,
            card: lambda path: write_card(record, path),
        },
        suffix=".keras",
    )


def verdict(state: RunState, result: TrainingResult) -> str:
    """Say that the budget is met, or by how much it is missed and what was tried."""
    if result.meets_budget:
        return "within the budget"
    spec, built = state.spec, result.built
    if result.closest:
        return (
            f"no network of this shape fits {spec.budget.luts} LUTs and {spec.latency_cycles_budget} cycles: within "
            f"that budget the output is constant. The smallest usable network needs {built.luts} LUTs after Yosys and "
            f"{built.latency_cycles} cycles{clock(spec, built)}. Raise the budget, or use fewer layers"
        )
    return (
        f"beyond the budget: {built.luts} LUTs after Yosys of {spec.budget.luts}, {built.latency_cycles} cycles of "
        f"{spec.latency_cycles_budget}{clock(spec, built)}. This is the closest of {len(state.measurements)} networks "
        f"that were synthesized; pruning was repeated {state.prune_rounds} times"
    )


def kept_notes(frozen: FrozenInterface, network: Network) -> list[str]:
    """Say what the training began with, and which outputs left their formats."""
    notes = [
        f"trained again: began with the weights of {frozen.result}, and keeps its ports, formats and "
        f"{frozen.latency_cycles} cycles{' and its structure' if frozen.keep == 'structure' else ''}"
    ]
    formats = zip(network.output_names(), network.output_formats(), frozen.output_formats(), strict=True)
    return notes + [
        f"output {name}: expected the format {kept}, found {kif}" for name, kif, kept in formats if kif != kept
    ]


def clock(spec: Spec, built: Built) -> str:
    """Say that a network misses the target's clock, and why; empty where it does not."""
    if built.fmax_mhz >= spec.target.clock_mhz:
        return ""
    return f", {built.fmax_mhz:.1f} MHz of {spec.target.clock_mhz:g} ({built.obstacle})"
