"""Cards as the stages leave them, with made-up content: for pages, summary, verdict and rules that read cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Measured, write_card
from trigger_lut.cards.decision import DecisionBit, DecisionCard, DecisionForm
from trigger_lut.cards.drift import (
    CodeHistogram,
    CodeShift,
    DriftCard,
    InputDrift,
    NumberDrift,
    PointDrift,
    Spread,
    ValueRatio,
)
from trigger_lut.cards.firmware import (
    Comparison,
    Difference,
    FirmwareCard,
    SynthCard,
    TableEntries,
    TimingCard,
    VerifyCard,
)
from trigger_lut.cards.importance import BitImportance, FeatureImportance, ImportanceCard, Loss, SlotImportance
from trigger_lut.cards.physics import (
    BinnedEfficiency,
    Classification,
    Interval68,
    MistagPoint,
    PairedDifference,
    PairMethod,
    PairResult,
    PhysicsCard,
    QuantizationLoss,
    RateCard,
    RateCurve,
    Reliability,
    Resolution,
    RocCurve,
    ScoreHistogram,
    TargetResolution,
    ThresholdsCard,
    Turnon,
    WorkingPoint,
)
from trigger_lut.cards.proof import FaultCount, FaultsCard, OutputProof, ProveCard, SecondOutput, SecondProof
from trigger_lut.cards.provenance import files_in
from trigger_lut.cards.release import CheckLine, ReleaseCard
from trigger_lut.cards.simulation import CrossingCheck, CrossingClass, MassPeak, PhysicsCheck
from trigger_lut.cards.stage_cards import (
    Baseline,
    Epoch,
    FeatureSummary,
    HeadScores,
    IngestCard,
    LargestClass,
    LayerSummary,
    Measurement,
    ReferenceCard,
    Scores,
    TargetSummary,
    TeacherCard,
    TrainCard,
)
from trigger_lut.cards.time_sharing import SharedPart, SharingSummary, SharingTry
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.clock import fmax_interval
from trigger_lut.evaluation.predictions import SAME, TREES
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.metrics.distances import Histogram, sample_distance
from trigger_lut.metrics.ratios import value_ratio
from trigger_lut.simulation.crossings.check import EDGES_GEV
from trigger_lut.simulation.jets.mass_peaks import RESONANCES
from trigger_lut.utils.files import sha256

CLASSES = ("g", "q", "W")
MADE: dict[str, Any] = {"seconds": 1.5, "versions": {"trigger_lut": "0.1.0"}, "inputs": {"a.json": "0" * 64}}
TARGET = {
    "description": "a trigger",
    "part": "xcvu13p-flga2577-2-e",
    "family": "xcup",
    "clock_mhz": 400,
    "latency_allowed_ns": 1000,
    "event_period_ns": 25,
    "totals": {"luts": 1728000, "ff": 3456000, "dsp": 12288, "bram18": 5376},
    "source": "a paper",
}


def spec(design: str = "small", luts: int = 1000, latency_ns: float = 20, **changes: Any) -> Spec:
    content = {
        "design": design,
        "data_set": "toy",
        "target_name": "level-1",
        "target": TARGET,
        "seed": 1,
        "network": {"units": [6, 3]},
        "training": {},
        "budget": {"luts": luts, "latency_ns": latency_ns},
    }
    return Spec.model_validate({**content, **changes})


def check_simulation() -> PhysicsCheck:
    edges = np.arange(0.0, 252.0, 2.0)
    rng = np.random.default_rng(1)
    shapes = {"g": (60, 40), "q": (40, 30), "W": (80.5, 6), "Z": (91.0, 7), "t": (172, 12)}
    counts = {n: np.histogram(rng.normal(m, s, 4000), edges)[0].tolist() for n, (m, s) in shapes.items()}
    peaks = {
        name: MassPeak(
            expected=expected,
            found_gev=expected.mass_gev + 0.4,
            uncertainty_gev=0.12,
            jets_in_peak=3100,
            jets_in_sidebands=400,
            fraction_in_peak=0.775,
        )
        for name, expected in RESONANCES.items()
    }
    return PhysicsCheck(
        jets=dict.fromkeys(shapes, 4000),
        mass_edges_gev=edges.tolist(),
        mass_counts=counts,
        mass_overflow=dict.fromkeys(shapes, 3),
        peaks=peaks,
        **MADE,
    )


def ingest(features: int = 5) -> IngestCard:
    rng = np.random.default_rng(2)
    edges = np.linspace(-4, 4, 65)
    described = [
        FeatureSummary(
            name=f"feature_{n}",
            kif=(1, 2, 5),
            format="fixed<8,3>",
            automatic=n % 2 == 0,
            minimum=-5.0,
            maximum=4.2,
            saturated_fraction=0.001 * n,
            nonfinite=0,
            distinct_codes=200 + n,
            histogram={
                "edges": [edges.tolist()],
                "counts": [np.histogram(rng.normal(k, 1, 3000), edges)[0].tolist() for k in range(len(CLASSES))],
            },
        )
        for n in range(features)
    ]
    return IngestCard(
        data_set="toy",
        files=2,
        events=3000,
        classes=list(CLASSES),
        class_counts={s: dict.fromkeys(CLASSES, n) for s, n in (("train", 600), ("validation", 200), ("test", 200))},
        features=described,
        **MADE,
    )


def reference() -> ReferenceCard:
    return ReferenceCard(
        events=1000,
        network="6-3",
        largest_class=LargestClass(name="g", scores=scores(1 / 3)),
        baselines=[baseline(SAME, 0.81, "Dense 6, Dense 3", 123), baseline(TREES, 0.82, "gradient boosting", 900)],
        **MADE,
    )


def scores(value: float) -> Scores:
    return Scores(
        weighted=value,
        weighted_error=0.004,
        plain=value,
        plain_error=0.004,
        balanced=value,
        balanced_error=0.004,
    )


def baseline(name: str, score: float, layers: str, parameters: int) -> Baseline:
    return Baseline(
        name=name,
        layers=layers,
        scores=scores(score),
        parameters=parameters,
        epochs=40,
        converged=name != TREES,
        seconds=3.2,
    )


def train(design: str = "small", luts: float = 950.0) -> TrainCard:
    history = [
        Epoch(
            epoch=n,
            loss=1 / (1 + n),
            loss_validation=1.1 / (1 + n),
            score=0.8 - 0.4 * 0.9**n,
            luts_estimate=luts * (1 + 4 * 0.9**n),
            luts_target=luts * (1 + 5 * 0.88**n),
            correction=1.0 if n < 35 else 0.95,
            multiplier=0.1,
            latency_cycles=7 + 3 * (n < 10),
        )
        for n in range(60)
    ]
    layers = [
        LayerSummary(
            name=f"lut_dense_{n}",
            inputs=5,
            outputs=6,
            edges=30,
            edges_active=23,
            input_width_counts=[7, 0, 4, 6, 8, 5],
            output_width_counts=[7, 1, 3, 9, 10],
            saturating_channels=2,
            luts_tables=300.0,
            luts_adders=160.0,
            luts_saturation=15.0,
        )
        for n in range(2)
    ]
    return TrainCard(
        design=design,
        epochs=60,
        meets_budget=True,
        verdict="within the budget",
        score_validation=0.801,
        score=0.797,
        luts=Measured(value=round(0.95 * luts), source="yosys"),
        luts_estimate=luts,
        luts_budget=1000,
        clock_mhz=400,
        fmax_mhz_estimate=Measured(value=480, source="yosys-delay-model"),
        latency_cycles=7,
        latency_cycles_estimate=7,
        latency_cycles_budget=8,
        prune_rounds=0,
        regrow_rounds=0,
        measurements=[
            Measurement(
                epoch=epoch,
                reason=when,
                luts=Measured(value=round(0.95 * luts), source="yosys"),
                luts_estimate=Measured(value=luts, source="estimate"),
                latency_cycles=7,
                fmax_mhz_estimate=Measured(value=480, source="yosys-delay-model"),
            )
            for epoch, when in ((35, "before freezing"), (48, "fine-tuning"), (60, "result"))
        ],
        seconds_measuring=12.0,
        seconds_per_epoch=0.031,
        layers=layers,
        history=history,
        **MADE,
    )


def shared_train() -> TrainCard:
    """A training at an II of 4, of which a block uses 3 cycles."""
    tries = [(2, 3, 460.0, 9, True), (3, 2, 610.0, 8, False)]
    sharing = SharingSummary(
        ii_budget=4,
        ii=3,
        luts=460.0,
        luts_parallel=950.0,
        latency_cycles=9,
        latency_cycles_parallel=7,
        parts=[
            SharedPart(layers="dense", logic_cycles=2, positions=5, instances=2, fold=3),
            SharedPart(layers="head", logic_cycles=3),
        ],
        tried=[
            SharingTry(block="dense", positions=5, instances=n, fold=fold, luts=luts, latency_cycles=cycles, chosen=yes)
            for n, fold, luts, cycles, yes in tries
        ],
        verdict="dense: 2 of 5 positions a cycle; an estimate of 460 LUTs, 490 fewer than with II = 1",
    )
    return train().model_copy(update={"sharing": sharing})


def pair(methods: tuple[str, ...], variables: tuple[str, ...] = ("pt",)) -> PairResult:
    """One pair of classes, W against g, for these methods."""
    share = Interval68(value=0.6, low=0.55, high=0.66)
    curve = RocCurve(
        auc=0.9,
        auc_error=0.01,
        efficiency_at_1e2=0.5,
        efficiency_at_1e3=0.2,
        background=[0.0, 0.01, 1.0],
        signal=[0.0, 0.5, 1.0],
    )
    points = [
        MistagPoint(mistag_rate=rate, threshold=threshold, efficiency=dict.fromkeys(CLASSES, share))
        for rate, threshold in ((0.1, 1.5), (0.001, None))
    ]
    binned = [
        BinnedEfficiency(variable=name, edges=[20.0, 40.0, 90.0], signal=[share] * 2, background=[share] * 2)
        for name in variables
    ]
    results = [PairMethod(method=method, roc=curve, points=points, binned=binned) for method in methods]
    return PairResult(signal="W", background="g", binned_at=0.1, methods=results)


def physics(design: str = "small", accuracy: float = 0.797) -> PhysicsCard:
    background = np.concatenate([[0], np.geomspace(1e-4, 1, 80)])
    results = []
    for m, method in enumerate((SAME, TREES, "Trained network", "Firmware")):
        curves = {
            name: RocCurve(
                auc=0.9 + 0.02 * n + 0.003 * (3 - m),
                auc_error=0.004,
                efficiency_at_1e2=0.4 + 0.1 * n,
                efficiency_at_1e3=0.1 + 0.1 * n,
                background=background.tolist(),
                signal=(background ** (0.3 - 0.05 * n - 0.01 * (3 - m))).tolist(),
            )
            for n, name in enumerate(CLASSES)
        }
        share = Interval68(value=accuracy + 0.004 * (3 - m), low=accuracy - 0.013, high=accuracy + 0.025)
        table = [[163 - m, 27 + m, 10], [25, 165, 10], [10, 15, 175]]
        results.append(
            Classification(method=method, accuracy=share, scores=scores(share.value), classes=curves, confusion=table)
        )
    costs = [
        QuantizationLoss(
            method=other.method,
            accuracy=PairedDifference(value=-0.004 * (3 - m), error=0.002),
            only_firmware=3,
            only_other=5,
            auc={name: PairedDifference(value=-0.003 * (3 - m), error=0.001) for name in CLASSES},
        )
        for m, other in enumerate(results[:-1])
    ]
    histogram = ScoreHistogram(edges=[-1.0, 0.0, 1.0], counts={name: [120, 80] for name in CLASSES})
    return PhysicsCard(
        score_histograms=dict.fromkeys(CLASSES, histogram),
        design=design,
        events=600,
        score=accuracy,
        scores=scores(accuracy),
        classes=results[-1].classes,
        confusion=results[-1].confusion,
        methods=results,
        quantization_losses=costs,
        **MADE,
    )


def importance(design: str = "small", features: int = 5) -> ImportanceCard:
    """Feature n loses 4 n points and has 6 + n % 3 bits, of which 1 + n are read at most; the first one is pruned."""

    def feature(n: int) -> FeatureImportance:
        width, read = 6 + n % 3, min(n + 1, 6) if n else 0
        return FeatureImportance(
            name=f"feature_{n}",
            channels=1,
            channels_read=int(n > 0),
            format=f"fixed<{width},3>",
            bits_read=read,
            edges=n,
            edges_possible=20,
            loss=Loss(value=0.04 * n, error=0.003 if n else 0.0),
            by_class={name: Loss(value=0.01 * n * k, error=0.006) for k, name in enumerate(CLASSES)},
            bits=[
                BitImportance(
                    bit_weight=2.0 ** (2 - place),
                    read=place < read,
                    ones=0.5,
                    loss=Loss(value=0.03 * n / 2**place, error=0.002) if place < read else Loss(value=0.0, error=0.0),
                )
                for place in range(width)
            ],
        )

    return ImportanceCard(
        design=design,
        metric="accuracy",
        score=0.797,
        events=500,
        events_test=600,
        shuffles=3,
        inputs_all=features,
        pruned=["feature_0"],
        bits=7 * features,
        bits_read=3 * features,
        features=[feature(n) for n in range(features)],
        slots=[
            SlotImportance(
                name=f"jet_{n}",
                objects="jet",
                slot=n,
                channels=2,
                bits=12,
                bits_read=3,
                loss=Loss(value=0.1 / (n + 1), error=0.01),
            )
            for n in range(2)
        ],
        **MADE,
    )


def thresholds(design: str = "small") -> ThresholdsCard:
    points = {khz: next(p for p in methods if p.method == "Firmware") for khz, methods in rate().points.items()}
    return ThresholdsCard(design=design, signal=["q", "W"], background=["g"], points=points, **MADE)


def rate(design: str = "small", single_score: bool = False) -> RateCard:
    """single_score: as of anomaly detection."""
    methods = (SAME, TREES, "Trained network", "Firmware")
    methods = ("Teacher, unquantized", *methods) if single_score else methods

    def share(value: float) -> Interval68:
        return Interval68(value=value, low=0.9 * value, high=min(1.1 * value, 1.0))

    points = {
        f"{wanted:g}": [
            WorkingPoint(
                method=method,
                threshold=None if (method, wanted) == (methods[0], 1.0) else 1.5 - 0.1 * wanted,
                code=24 if method == methods[-1] else None,
                rate_khz=Interval68(value=wanted, low=0.8 * wanted, high=1.3 * wanted),
                efficiency={"q": share(0.3 + 0.05 * n), "W": share(0.5), "all": share(0.4)},
            )
            for n, method in enumerate(methods)
        ]
        for wanted in (1.0, 10.0)
    }
    khz = np.geomspace(0.1, 100, 40)
    return RateCard(
        design=design,
        plot_label="Simulation, 13 TeV",
        signal=["q", "W"],
        background=["g"],
        input_rate_khz=100.0,
        input_rate_from="input_rate_khz: 100",
        single_score=single_score,
        events={"g": 200, "q": 200, "W": 200},
        khz_per_event={"g": 0.5},
        points=points,
        curves=[
            RateCurve(
                method=method,
                threshold=np.linspace(4, -4, 40).tolist(),
                rate_khz=khz.tolist(),
                efficiency=((khz / 100) ** (0.2 + 0.03 * n)).tolist(),
            )
            for n, method in enumerate(methods)
        ],
        turnons=[
            Turnon(
                variable="pt",
                rate_khz=10.0,
                edges=[20.0, 40.0, 80.0],
                efficiency={method: [share(0.2), share(0.6)] for method in methods},
            )
        ],
        reliability=[
            Reliability(method=method, predicted=[0.1, 0.5, 0.9], observed=[share(0.12), share(0.5), share(0.85)])
            for method in methods
            if not single_score
        ],
        **MADE,
    )


def decision(design: str = "small", differences: int = 0, fmax_mhz: float = 420) -> DecisionCard:
    first = Difference(vector=17, output=3, expected=1, found=0) if differences else None
    edges = {"below": 40, "equal": 30, "above": 20}
    return DecisionCard(
        design=design,
        folder="decision",
        top="design_small_top_decide",
        files={},
        signal=["q", "W"],
        background=["g"],
        fraction=4,
        score_range=(-255, 191),
        score_bits=9,
        bits=[
            DecisionBit(rate_khz=0.1, code=None, threshold=None, vectors={}, control={}),
            DecisionBit(rate_khz=1.0, code=24, threshold=1.5, vectors=edges, control={"up": 30, "down": 40}),
            DecisionBit(
                rate_khz=10.0,
                code=8,
                threshold=0.5,
                vectors={**edges, "below": 0},
                control={"up": 30, "down": None},
            ),
        ],
        network_latency_cycles=7,
        latency_cycles=Measured(value=9, source="rtl-simulation"),
        latency_ns=Measured(value=22.5, source="rtl-simulation"),
        luts=Measured(value=57, source="yosys"),
        ff=Measured(value=93, source="yosys"),
        logic_levels=Measured(value=6, source="yosys-levels"),
        clock_mhz=400,
        fmax_mhz_estimate=Measured(value=fmax_mhz, source="yosys-delay-model"),
        fmax_mhz_interval=fmax_interval(fmax_mhz, "xcup"),
        clock_met=fmax_mhz >= 400,
        vector_sets={"test": 600, "random": 50_000, "edge": 30},
        forms=[
            DecisionForm(
                name="rtl", vectors=50_630, differences=differences, first=first, control_missed=0, seconds=2.0
            )
        ],
        not_run={"vhdl": "GHDL is not on PATH"},
        proof="proven",
        proof_control=True,
        differences=differences,
        bit_exact=not differences,
        verdict=f"not bit-exact: rtl: {differences} mismatches in 50630 vectors" if differences else "bit-exact",
        **MADE,
    )


def teacher() -> TeacherCard:
    edges = np.linspace(-2, 6, 21)
    middle = (edges[1:] + edges[:-1]) / 2
    counts = {name: 500 * np.exp(-0.5 * (middle - n) ** 2) for n, name in enumerate(CLASSES)}
    return TeacherCard(
        background=["g", "q"],
        channels=["met_pt", "jet_0_pt"],
        units=[32, 6],
        events=1000,
        loss_training=[1.0, 0.5, 0.4],
        loss_validation=[0.9, 0.6, 0.5],
        target=TargetSummary(name="anomaly", unit="", scale=0.5, minimum=-2, maximum=6, mean=1, spread=0.6),
        auc={"W": 0.87},
        edges=edges.tolist(),
        counts={name: class_counts.astype(int).tolist() for name, class_counts in counts.items()},
        **MADE,
    )


def check_crossings() -> CrossingCheck:
    bins = len(EDGES_GEV) - 1
    falling = (1000 * np.exp(-np.arange(bins) / 5)).astype(int).tolist()
    kinds = {"soft": 0.57, "pt20": 0.39, "pt40": 0.04, "ditau": None}
    return CrossingCheck(
        pileup=60,
        sigma_mb={"soft": 78.58, "pt20": 0.68, "ditau": 1e-9},
        expected_mb={"soft": 78.6, "pt20": 0.681},
        edges_gev=EDGES_GEV.tolist(),
        classes={
            name: CrossingClass(
                crossings=sum(falling),
                fraction=share,
                collisions=59.9,
                objects={"jet": 5.1, "egamma": 0.9, "muon": 0.05},
                met_gev=41.0,
                leading_jet=falling,
                met=falling[::-1],
            )
            for name, share in kinds.items()
        },
        **MADE,
    )


def drift(design: str = "small", drift: str = "later", inputs: int = 5, labeled: bool = True) -> DriftCard:
    """Return the figures of inputs: the first drifts, saturates and shows new codes, the last has become constant."""

    def pair(old: float, new: float) -> ValueRatio:
        return value_ratio(*(Interval68(value=x, low=0.9 * x, high=1.1 * x) for x in (old, new)))

    edges = np.linspace(-4, 4, 65)
    shapes = [np.histogram(np.random.default_rng(n).normal(0.4 * n, 1, 3000), edges)[0] / 3000 for n in range(2)]
    of_new = [shapes[1], *[shapes[0]] * (inputs - 2), np.eye(64)[32]]
    features = [
        InputDrift(
            name=f"feature_{n}",
            format="fixed<8,3>",
            distance=sample_distance(Histogram(3000 * shapes[0], 3000 * shapes[0]), Histogram(5000 * new, 5000 * new)),
            trained=Spread(mean=0.0, error=0.02, spread=1.0),
            new=Spread(mean=0.4, error=0.02, spread=1.0),
            lowest=pair(0.001, 0.001),
            highest=pair(0.001, 0.08 if n == 0 else 0.001),
            saturated=(0.002, 0.081 if n == 0 else 0.002),
            distinct_codes=(200, int((new > 0).sum())),
            unseen=0.1 if n == 0 else 0.0,
            unseen_by_chance=0.001,
            shifted=[CodeShift(code=3, value=0.09375, trained=0.02, new=0.01)],
            histogram=CodeHistogram(edges=edges.tolist(), trained=shapes[0].tolist(), new=new.tolist()),
        )
        for n, new in enumerate(of_new)
    ]
    outputs = [
        NumberDrift(name=k, distance=x.distance, trained=x.trained, new=x.new)
        for k, x in zip(CLASSES, features, strict=False)
    ]
    classes = CLASSES if labeled else ("all",)
    return DriftCard(
        design=design,
        data_set="toy",
        drift=drift,
        metric="accuracy",
        events=(3000, 5000),
        effective_events=(3000.0, 4200.0),
        skipped_files={"b.root": "cut off"},
        shared_events=12,
        class_counts=dict.fromkeys(CLASSES, (1000, 1600)) if labeled else {},
        skipped_events={},
        expressions={"feature_1": ("feature_1", "1.1 * feature_1")},
        features=features,
        sums=[NumberDrift(name="hit.pt", distance=x.distance, trained=x.trained, new=x.new) for x in features[1:2]],
        outputs=outputs,
        points=[
            PointDrift(
                wanted_khz=wanted,
                threshold=1.5,
                code=24,
                rate_khz=pair(wanted, 2 * wanted) if labeled else None,
                passing={k: pair(0.2, 0.3) for k in classes},
            )
            for wanted in (1.0, 10.0)
        ],
        input_rate_khz=100.0,
        accuracy={k: pair(0.7, 0.65) for k in ("all", *CLASSES)} if labeled else {},
        **MADE,
    )


def regression(design: str = "small") -> PhysicsCard:
    methods = {SAME: 2.0, TREES: 2.2, "Trained network": 2.5, "Firmware": 2.5}
    results = [
        Resolution(method=name, r2=0.98, bias=0.1, rms=1.3 * width, central=width, central_error=0.05)
        for name, width in methods.items()
    ]
    target = TargetResolution(
        name="angle",
        unit="mrad",
        methods=results,
        edges=[-10.0, -5.0, 0.0, 5.0, 10.0],
        counts={name: [10, 200, 190, 12] for name in methods},
        true_edges=[-250.0, 0.0, 250.0],
        central_by_true={name: [width, 1.1 * width] for name, width in methods.items()},
    )
    return PhysicsCard(
        design=design, metric="r2", events=412, score=0.98, scores=scores(0.98), targets=[target], **MADE
    )


def two_heads(design: str = "small") -> PhysicsCard:
    """Classes as in `physics`, and the target of `regression` with a third of the weight."""
    classes, fit = physics(design), regression(design)
    methods = [method.method for method in classes.methods]

    def heads(accuracy: float) -> list[HeadScores]:
        return [
            HeadScores(name="class", metric="accuracy", share=0.75, scores=scores(accuracy)),
            HeadScores(name="angle", metric="r2", share=0.25, scores=scores(0.98)),
        ]

    return classes.model_copy(
        update={
            "metric": "mean_score",
            "score": 0.84,
            "scores": scores(0.84),
            "targets": fit.targets,
            "heads": {method: heads(0.8 + 0.001 * n) for n, method in enumerate(methods)},
            "differences": {method: PairedDifference(value=-0.012, error=0.002) for method in methods[:-1]},
        }
    )


def verify(design: str = "small", mismatches: int = 0) -> VerifyCard:
    first = Difference(vector=17, output=2, expected=5, found=4) if mismatches else None
    comparisons = [
        Comparison(
            name=name,
            vectors=100_600,
            mismatches=mismatches if name == "rtl" else 0,
            first=first if name == "rtl" else None,
            seconds=2.0,
            control_mismatches=40,
        )
        for name in ("keras", "hls4ml", "alkaid", "rtl")
    ]
    return VerifyCard(
        design=design,
        vectors=100_600,
        vector_sets={"test": 600, "corners": 40, "changed": 49_950, "random": 50_000, "tables": 10},
        table_entries=TableEntries(entries=900, covered=880, unreachable=15, uncovered=5),
        outputs=3,
        comparisons=comparisons,
        control="lut_dense_0, edge (2, 1), entry 3, bit 0",
        mismatches=mismatches,
        controls_caught=True,
        bit_exact=mismatches == 0,
        latency_cycles_measured=7,
        ii_measured=1,
        verdict="bit-exact" if not mismatches else f"not bit-exact: {mismatches} mismatches, first at vector 17",
        **MADE,
    )


def synth(design: str = "small", luts: float | None = 900, luts_estimate: float = 950) -> SynthCard:
    measured = Measured() if luts is None else Measured(value=luts, source="yosys")
    return SynthCard(
        design=design,
        part="xcvu13p-flga2577-2-e",
        family="xcup",
        luts=measured,
        ff=Measured(value=512, source="yosys"),
        carry=Measured(value=80, source="yosys"),
        dsp=Measured(value=0, source="yosys"),
        bram18=Measured(value=0, source="yosys"),
        logic_levels=Measured(value=3, source="yosys-levels"),
        cells={"LUT6": round(luts or 0), "FDRE": 512, "CARRY8": 80},
        luts_estimate=Measured(value=luts_estimate, source="estimate"),
        luts_estimate_error=luts_estimate / (luts or luts_estimate) - 1,
        ff_estimate=Measured(value=500, source="estimate"),
        **MADE,
    )


def timing(design: str = "small", cycles: int = 7, budget_ns: float = 20, fmax_mhz: float = 480) -> TimingCard:
    return TimingCard(
        design=design,
        clock_mhz=400,
        latency_cycles=Measured(value=cycles, source="rtl-simulation"),
        latency_ns=Measured(value=cycles * 2.5, source="rtl-simulation"),
        ii=Measured(value=1, source="rtl-simulation"),
        latency_ns_budget=budget_ns,
        latency_allowed_ns=1000,
        logic_levels=Measured(value=3, source="yosys-levels"),
        fmax_mhz_estimate=Measured(value=fmax_mhz, source="yosys-delay-model"),
        fmax_mhz_interval=fmax_interval(fmax_mhz, "xcup"),
        fmax_model="estimate, not a timing run: 0.52 ns a LUT level",
        clock_met=fmax_mhz >= 400,
        latency_met=fmax_mhz >= 400 and cycles * 2.5 <= budget_ns,
        ii_met=True,
        **MADE,
    )


def second(status: str = "agrees", cycles: int = 4, names: Sequence[str] = ("a", "b", "c")) -> SecondProof:
    return SecondProof(
        solver="a solver",
        seconds_allowed=15,
        cycles=cycles,
        gates=7000,
        most_gates=300_000,
        outputs=[SecondOutput(name=name, status=status) for name in (*names, "valid_out")],
        control="lut_dense_0, edge (2, 1), entry 3, bit 0",
        control_caught=True,
    )


def prove(design: str = "small", status: str = "proven") -> ProveCard:
    outputs = [OutputProof(name=name, bits=6, status=status) for name in ("a", "b", "c")]
    return ProveCard(
        design=design,
        outputs=outputs,
        method="SAT",
        gates={"reference": 900, "firmware": 800},
        seconds_allowed=60,
        control="lut_dense_0, edge (2, 1), entry 3, bit 0",
        control_caught=True,
        second=second(),
        **MADE,
    )


def faults(design: str = "small", undetected: int = 0) -> FaultsCard:
    counts = FaultCount(injected=40, detected=38 - undetected, equivalent=2, undetected=undetected)
    return FaultsCard(
        design=design,
        vectors=100_000,
        kinds={"table": counts},
        detection_rate=1 - undetected / 38,
        median_vectors=4,
        equivalent=["a table", "an adder"],
        undetected=["a register"] * undetected,
        **MADE,
    )


def firmware(design: str = "small") -> FirmwareCard:
    return FirmwareCard(
        design=design,
        hls_project="hls",
        hls_handlers={},
        hls_result_types={},
        rtl_project="rtl",
        rtl_top="top",
        files={},
        rtl_latency_cycles_planned=4,
        rtl_cost=900.0,
        clock_period_ns=2.778,
        **MADE,
    )


def firmware_of(project: RtlProject, *inputs: Path, hls: Path = Path("hls")) -> FirmwareCard:
    """Card of a written Verilog project, made from these files; hls: folder of an hls4ml project, if there is one."""
    update = {
        "inputs": {str(path): sha256(path) for path in inputs},
        "hls_project": str(hls),
        "rtl_project": str(project.folder),
        "rtl_top": project.top,
        "files": files_in(project.folder) | files_in(hls),
        "rtl_latency_cycles_planned": project.latency_cycles_planned,
        "rtl_cost": project.cost,
    }
    return firmware().model_copy(update=update)


def release(design: str = "small") -> ReleaseCard:
    return ReleaseCard(
        design=design,
        archive="release.zip",
        archive_sha256="ab" * 32,
        archive_bytes=400_000,
        manifest_sha256="cd" * 32,
        files={"README.md": 1000},
        vectors=500,
        emulator_events_per_second=3e7,
        checks=[CheckLine(name="checksums", status="ok", detail="1 file")],
        **MADE,
    )


def write_design(folder: Path, design: str = "small", **changed: Any) -> Path:
    """All cards of a design in results-like `folder`/`design`; `changed` replaces cards by stage."""
    cards: dict[str, Any] = {
        "spec": spec(design),
        "train": train(design),
        "physics": physics(design),
        "verify": verify(design),
        "synth": synth(design),
        "timing": timing(design),
        "prove": prove(design),
        "faults": faults(design),
    }
    for stage, card in {**cards, **changed}.items():
        write_card(card, folder / design / f"{stage}.json")
    return folder / design
