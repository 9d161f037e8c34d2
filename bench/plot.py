"""The plots of docs/benchmarks.md, from the figures that `bench.run` wrote. Runs where matplotlib is: .venv-bench."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

mpl.rcParams["svg.hashsalt"] = "ccx"  # the same figures make the same file
figures = json.loads(Path(sys.argv[1]).read_text())
folder = Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(folder / name, metadata={"Date": None})
    plt.close()


_, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True)
for axis, language in zip(axes, ("python", "c", "java"), strict=True):
    for key, samples in figures["latency"].items():
        side, of, program = key.split("|")
        if (of, program) == (language, "hello"):
            ordered = sorted(samples)
            axis.step(ordered, [(index + 1) / len(ordered) for index in range(len(ordered))], where="post", label=side)
    axis.set(title=f"{language} hello", xlabel="ms", xscale="log")
    axis.grid(alpha=0.3)
axes[0].set_ylabel("share of runs that took no longer")
axes[0].legend(fontsize=8)
save("latency.svg")

if figures.get("load"):
    _, axis = plt.subplots(figsize=(6, 3.6))
    rates = [one["rate"] for one in figures["load"]]
    for name in ("p50", "p99"):
        axis.plot(rates, [one[name] for one in figures["load"]], marker="o", label=name)
    axis.set(xlabel="submissions per second, offered", ylabel="ms", yscale="log", title="python hello")
    axis.grid(alpha=0.3)
    axis.legend()
    save("load.svg")
