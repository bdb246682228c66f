"""The picture of the project's README: how well each system does, against how fast it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.record import Record

SET = "test split"
OURS = "stance: arrays"
MARKERS = "D^vsoPX"
COLOURS = ("#b4231f", "#1f6fb4", "#2f855a", "#b7791f", "#6b46c1", "#4a5568", "#0e7490")


def draw(domain: Record, speed: Record, path: Path) -> Path:
    """Mean stance macro-F1 and mean topic F1 on the test split over sentences a second, on a log axis, as an SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "stance"  # the same figures give the same bytes
    from matplotlib import pyplot as plt

    result = domain.results["sets"][SET]
    each = speed.results["microseconds a sentence in a batch"]
    systems: dict[str, tuple[dict[str, Any], float]] = {"stance": (result["model"], each[OURS])}
    systems |= {peer["system"]: (peer, each[peer["system"]]) for peer in result["peers"] if peer["system"] in each}
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharex=True)
    for axis, key, title in (
        (axes[0], "mean_topic_f1", "mean topic F1"),
        (axes[1], "mean_stance_macro_f1", "mean stance macro-F1"),
    ):
        for number, (name, (figures, micro)) in enumerate(systems.items()):
            value, low, high = (figures[key][part] for part in ("value", "low", "high"))
            axis.errorbar(
                1e6 / micro,
                value,
                yerr=[[value - low], [high - value]],
                fmt=MARKERS[number % len(MARKERS)],
                markersize=9 if name == "stance" else 6,
                color=COLOURS[number % len(COLOURS)],
                capsize=3,
                label=name,
            )
        for baseline in result["baselines"]:
            axis.axhline(baseline[key]["value"], color="#a0aec0", linestyle=":", linewidth=1)
            axis.annotate(
                baseline["system"],
                (0, baseline[key]["value"]),
                xycoords=("axes fraction", "data"),
                xytext=(4, 2),
                textcoords="offset points",
                fontsize=7,
                color="#718096",
            )
        axis.set(xscale="log", title=title, xlabel="sentences a second, one thread", ylim=(0, 1))
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncol=4, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.11, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
