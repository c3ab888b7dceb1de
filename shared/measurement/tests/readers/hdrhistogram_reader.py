"""Reads FILE.hlog with the HdrHistogram of Python and compares it with FILE.json: names, intervals, counts, percentiles."""

import json
import sys
import tempfile

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LOWEST, HIGHEST, DIGITS = 1, 1 << 62, 3
PERCENTILES = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9, "max_us": 100}


def phases(path):
    """Each tag's intervals and the sum of its histograms."""
    found = {}
    reader = HistogramLogReader(path, HdrHistogram(LOWEST, HIGHEST, DIGITS))
    while (interval := reader.get_next_interval_histogram()) is not None:
        intervals, whole = found.setdefault(interval.get_tag(), (0, HdrHistogram(LOWEST, HIGHEST, DIGITS)))
        whole.add(interval)
        found[interval.get_tag()] = (intervals + 1, whole)
    return found


def differences(path, expected):
    found = phases(path)
    if sorted(found, key=str) != sorted(phase["name"] for phase in expected):
        yield f"phases are {list(found)}"
        return
    for phase in expected:
        name, summary = phase["name"], phase["summary"]
        intervals, whole = found[name]
        pairs = {"intervals": (intervals, phase["intervals"]), "count": (whole.get_total_count(), summary["count"])}
        for member, percentile in PERCENTILES.items():
            pairs[member] = (whole.get_value_at_percentile(percentile), round(summary[member] * 1000))
        for what, (read, written) in pairs.items():
            if read != written:
                yield f"{name}: {what} is {read}, not {written}"


def main():
    base = sys.argv[1]
    with open(f"{base}.json", encoding="utf-8") as file:
        expected = json.load(file)
    found = list(differences(f"{base}.hlog", expected))
    if found:
        sys.exit("\n".join(found))
    # The comparison must notice a log that has lost its last line.
    with open(f"{base}.hlog", encoding="utf-8") as file, tempfile.NamedTemporaryFile("w", suffix=".hlog") as cut:
        cut.writelines(file.readlines()[:-1])
        cut.flush()
        if not list(differences(cut.name, expected)):
            sys.exit("a shortened log passes")
    print(f"{len(expected)} phases read as they were written")


main()
