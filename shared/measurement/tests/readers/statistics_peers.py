"""Compares FILE.json, data sets and what our statistics make of them, with what SciPy and statsmodels make of them."""

import copy
import json
import sys

import numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.nonparametric import rank_compare_2indep

LEVEL = 0.95
DRAWINGS = 10_000
# All assignments of signs are tried up to this many differences, as they take time and memory.
PERMUTED = 11


def method(differences, exact):
    """SciPy's exact distribution knows no ties and no zeros; its permutations do."""
    sizes = numpy.abs(differences)
    if not exact:
        return "asymptotic"
    if len(set(sizes)) == len(sizes) and all(sizes > 0):
        return "exact"
    return stats.PermutationMethod(n_resamples=numpy.inf) if len(sizes) <= PERMUTED else None


def signed_ranks(data):
    differences = numpy.array(data["differences"])
    for test in data["tests"]:
        name = f"{test['side']} {test['zeros']}"
        how = method(differences, test["exact"])
        arguments = {"zero_method": test["zeros"], "alternative": test["side"], "correction": not test["exact"]}
        if how is not None:
            peer = stats.wilcoxon(differences, method=how, **arguments)
            yield name, test["p"], peer.pvalue, 1e-9
        if test["side"] == "greater":
            # Only of this side SciPy's statistic is the sum of the ranks above 0.
            peer = stats.wilcoxon(differences, method="asymptotic", **arguments)
            yield name + " statistic", test["statistic"], peer.statistic, 1e-9
    walsh = [(left + right) / 2 for index, left in enumerate(differences) for right in differences[: index + 1]]
    yield "estimate", data["interval"][0], numpy.median(walsh), 1e-9
    tests = data["tests"]
    how = method(differences, data["tests"][0]["exact"])
    if how in ("exact", "asymptotic") and len(set(walsh)) == len(walsh):
        # A bound is where the one-sided test changes its mind.
        for bound, side, outwards in zip(data["interval"][1:], ("greater", "less"), (-1, 1)):
            inside, outside = (
                stats.wilcoxon(
                    differences - bound - off * outwards, alternative=side, method=how, correction=how != "exact"
                ).pvalue
                for off in (-1e-7, 1e-7)
            )
            yield f"{side} bound", outside <= (1 - LEVEL) / 2 < inside, True, 0
    margin = numpy.log1p(data["margin"])
    how = method(differences, len(differences) <= 50)
    shifted = [differences + margin, differences - margin]
    if how in ("exact", "asymptotic"):
        peers = [
            stats.wilcoxon(values, alternative=side, method=how, correction=how != "exact", zero_method="pratt").pvalue
            for values, side in zip(shifted, ("greater", "less"))
        ]
        yield "equivalence", data["equivalence_p"], max(peers), 1e-9
    exact = data["flipped_exact"] and len(differences) <= PERMUTED
    # Drawing takes time: some of them are enough.
    if exact or len(differences) % 5 == 0:
        flipped = stats.permutation_test(
            (differences,),
            numpy.mean,
            permutation_type="samples",
            n_resamples=numpy.inf if exact else DRAWINGS,
            rng=numpy.random.default_rng(1),
        )
        yield "flipped signs", data["flipped_p"], flipped.pvalue, 1e-9 if exact else 0.03


def quantile(data):
    samples, tail = numpy.sort(data["samples"]), (1 - LEVEL) / 2
    count, share = len(samples), data["quantile"]
    low = int(stats.binom.ppf(tail, count, share))
    # The quantile function may stop one short of, or at, the rank whose tail is small enough.
    low += stats.binom.cdf(low, count, share) <= tail
    high = int(stats.binom.ppf(1 - tail, count, share)) + 1
    yield "low", data["interval"][1], samples[low - 1], 0
    yield "high", data["interval"][2], samples[high - 1], 0
    yield "estimate", data["interval"][0], numpy.quantile(samples, share, method="inverted_cdf"), 0
    level = stats.binom.cdf(high - 1, count, share) - stats.binom.cdf(low - 1, count, share)
    yield "confidence", data["confidence"], level, 1e-9
    peer = stats.quantile_test(samples, p=share).confidence_interval(LEVEL)
    yield "low of SciPy", data["interval"][1], peer.low, 0
    yield "high of SciPy", data["interval"][2], peer.high, 0


def slope(data):
    peer = stats.theilslopes(data["y"], data["x"], LEVEL)
    yield "slope", data["interval"], [peer.slope, peer.low_slope, peer.high_slope], 1e-9


def series(data):
    centred = numpy.array(data["series"]) - numpy.mean(data["series"])
    count = len(centred)
    covariances = numpy.correlate(centred, centred, "full")[count - 1 :] / count
    pairs = covariances[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = pairs[: numpy.argmax(pairs <= 0)] if any(pairs <= 0) else pairs
    long_run = 2 * numpy.minimum.accumulate(positive).sum() - covariances[0]
    yield "monotone sequence", data["monotone"], count * min(covariances[0] / long_run, 1), 1e-9
    size = int(numpy.sqrt(count))
    means = centred[count % size :].reshape(-1, size).mean(axis=1)
    ratio = centred.var() * count / (count - 1) / (size * means.var(ddof=1))
    yield "batch means", data["batches"], count * min(ratio, 1), 1e-9


def adjusted(data):
    yield "adjusted", data["adjusted"], multipletests(data["p"], method="holm")[1], 1e-12


def delta(data):
    # Somers' D of the arm is Cliff's delta; statsmodels has P(X > Y) + P(X = Y) / 2.
    peer = rank_compare_2indep(data["candidate"], data["baseline"])
    yield "estimate", data["estimate"], 2 * peer.prob1 - 1, 1e-9


def drawn(data):
    samples = numpy.array(data["samples"])
    error = samples.std() / numpy.sqrt(len(samples))
    for name, method in (("percentile", "percentile"), ("corrected", "BCa")):
        peer = stats.bootstrap(
            (samples,), numpy.mean, n_resamples=DRAWINGS, method=method, rng=numpy.random.default_rng(1)
        ).confidence_interval
        # The bound of 10,000 drawings varies by 0.027 standard errors, and so does the peer's.
        yield name, numpy.array(data[name][1:]) / error, numpy.array([peer.low, peer.high]) / error, 0.16


PEERS = {
    "signed ranks": signed_ranks,
    "quantile": quantile,
    "slope": slope,
    "series": series,
    "holm": adjusted,
    "delta": delta,
    "bootstrap": drawn,
}

# One of the figures of each.
FIGURES = {
    "signed ranks": "equivalence_p",
    "quantile": "interval",
    "slope": "interval",
    "series": "monotone",
    "holm": "adjusted",
    "delta": "estimate",
    "bootstrap": "corrected",
}


def differences(sets):
    compared = 0
    found = []
    for index, data in enumerate(sets):
        for name, ours, theirs, by in PEERS[data["kind"]](data):
            compared += 1
            if not numpy.allclose(ours, theirs, rtol=min(by, 1e-9), atol=by):
                found.append(f"set {index}, {data['kind']}, {name}: {ours} and not {theirs}")
    return compared, found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        sets = json.load(file)
    compared, found = differences(sets)
    if found:
        sys.exit("\n".join(found))
    # The comparison must notice wrong figures of each kind.
    for kind, member in FIGURES.items():
        wrong = copy.deepcopy(next(data for data in sets if data["kind"] == kind))
        wrong[member] = (numpy.array(wrong[member]) * 1.1).tolist()
        if not differences([wrong])[1]:
            sys.exit(f"a wrong {member} of {kind} passes")
    print(f"{compared} figures of {len(sets)} data sets are those of SciPy and statsmodels")


main()
