"""Draws the dashboard as a picture, from its own queries and a Prometheus server.

    pip install matplotlib
    python3 picture.py http://localhost:9090 SECONDS PICTURE.png
"""

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, pyplot, ticker  # noqa: E402

STEP = 15
BACKGROUND, PANEL, TEXT = "#111217", "#181b1f", "#ccccdc"
COLORS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#b877d9", "#f2495c", "#8ab8ff", "#c0d8ff", "#ffa6b0", "#37872d"]


def query(server: str, expression: str, seconds: int) -> list[dict]:
    """The series of an expression of the dashboard, over the last seconds."""
    for name, value in {"$__rate_interval": "1m", "$__range": f"{seconds}s", "$instance": ".*"}.items():
        expression = expression.replace(name, value)
    end = time.time()
    parameters = {"query": expression, "start": end - seconds, "end": end, "step": STEP}
    with urllib.request.urlopen(f"{server}/api/v1/query_range?{urllib.parse.urlencode(parameters)}") as response:
        return json.load(response)["data"]["result"]


def value_text(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    return f"{value:.4g}" + ("/s" if unit in ("ops", "reqps") else "")


def legend(form: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), form).strip()


def draw(axes, panel: dict, server: str, seconds: int) -> None:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    axes.set_facecolor(PANEL)
    is_stat = panel["type"] == "stat"
    axes.set_title(panel["title"], color=TEXT, fontsize=9, loc="left", y=0.72 if is_stat else 1)
    series = [
        (legend(target.get("legendFormat") or "", one["metric"]), [(float(at), float(value)) for at, value in one["values"]])
        for target in panel["targets"]
        for one in query(server, target["expr"], seconds)
    ]
    if is_stat:
        axes.axis("off")
        name, values = series[0] if series else ("", [(0.0, math.nan)])
        text = name if name else value_text(values[-1][1], unit)
        axes.text(0.02, 0.3, text, color=COLORS[0], fontsize=15 if len(text) < 12 else 9, va="center", transform=axes.transAxes)
        return
    for (name, values), color in zip(series, COLORS * 3):
        times = [datetime.fromtimestamp(at, UTC) for at, _ in values]
        axes.plot(times, [value for _, value in values], color=color, linewidth=1, label=name)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(4))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: value_text(value, unit)))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(4))
    axes.set_ylim(bottom=0)
    axes.tick_params(colors=TEXT, labelsize=6)
    axes.grid(color="#2c3235", linewidth=0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if series:
        axes.legend(fontsize=5.5, labelcolor=TEXT, frameon=False, loc="upper left", ncols=2)


def main(server: str, seconds: int, picture: str) -> None:
    dashboard = json.loads(Path(__file__).with_name("hallpass.json").read_text())
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = pyplot.figure(figsize=(16, rows * 0.33), facecolor=BACKGROUND)
    for panel in panels:
        x, y, width, height = (panel["gridPos"][name] for name in "xywh")
        left, bottom = x / 24, 1 - (y + height) / rows
        if panel["type"] == "row":
            figure.text(0.008, bottom + 0.2 / rows, panel["title"], color=TEXT, fontsize=11, weight="bold")
            continue
        margin = 0.2 if panel["type"] == "stat" else 1
        box = (left + 0.028 * margin, bottom + 1.1 * margin / rows, width / 24 - 0.038 * margin, (height - 2.2 * margin) / rows)
        draw(figure.add_axes(box), panel, server, seconds)
    figure.savefig(picture, dpi=110, facecolor=BACKGROUND)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), int(sys.argv[2]), sys.argv[3])
