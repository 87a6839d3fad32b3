"""Signal-to-noise by Spectrum's own lines, and by the edge of noise."""

import math
import re

import pytest
import torch

from analysis.diagnostic import Row
from analysis.diagnostics.snr import SNR, trained_rows
from tests.analysis.diagnostics.battery import blocks, measured, randn, summary, table, weight


def spectrums(matrix: torch.Tensor) -> float:
    """calculate_snr_for_layer and estimate_sigma_with_full_iqr of Spectrum (spectrum.py), line by line."""
    s = torch.linalg.svdvals(matrix.double())
    q75, q25 = torch.quantile(s, 0.75), torch.quantile(s, 0.25)
    sigma = (q75 - q25) / 1.349
    n, m = matrix.shape
    beta = min(n, m) / max(n, m)
    threshold = sigma * torch.sqrt((1 + torch.sqrt(torch.tensor(beta))) ** 2)
    signal, noise = s[s > threshold].sum(), s[s <= threshold].sum()
    return float((signal / (noise if noise != 0 else 1)) / s.max())


@pytest.mark.parametrize("shape", [(60, 60), (200, 50), (30, 90)])
def test_equal_to_spectrum(shape: tuple[int, int]) -> None:
    matrix = randn(*shape) + 3.0 * randn(shape[0], 1, seed=1) @ randn(1, shape[1], seed=2)
    assert measured(SNR, matrix).values["snr_spectrum"] == pytest.approx(spectrums(matrix), rel=1e-6)


def test_noise_has_no_signal() -> None:
    values = measured(SNR, randn(300, 200)).values
    assert (values["above_mp"], values["snr_mp"], values["signal_energy"]) == (0, 0.0, 0.0)
    assert values["noise_from"] == "bulk"
    assert values["tau_mp"] == pytest.approx(math.sqrt(300) + math.sqrt(200), rel=0.05)
    assert int(values["above_tau"] or 0) > 60  # the published threshold calls half of pure noise signal


def test_planted_directions_are_the_signal() -> None:
    left, right = torch.linalg.qr(randn(300, 5, seed=1)).Q, torch.linalg.qr(randn(200, 5, seed=2)).Q
    values = measured(SNR, randn(300, 200) + 100.0 * left @ right.T).values
    assert (values["above_mp"], values["noise_from"]) == (5, "bulk")
    each = (100.0**2 + 300.0) * (100.0**2 + 200.0) / 100.0**2  # of a spike in noise
    assert values["signal_energy"] == pytest.approx(5.0 * each / (5.0 * 100.0**2 + 300.0 * 200.0), rel=0.02)


def test_without_a_bulk_all_entries_are_noise() -> None:
    u, v = (torch.linalg.qr(randn(200, 200, seed=seed)).Q for seed in (1, 2))
    values = measured(SNR, u @ torch.diag(torch.arange(1.0, 201.0) ** -0.7) @ v.T).values
    assert values["noise_from"] == "entries"
    assert 0 < int(values["above_mp"] or 0) < 60


def test_only_the_published_ratio_hangs_on_the_scale() -> None:
    one, other = (measured(SNR, (randn(60, 40) + 0.4) * scale).values for scale in (1.0, 100.0))
    assert other["snr_mp"] == pytest.approx(one["snr_mp"], rel=1e-6)
    assert float(other["snr_spectrum"] or 0.0) * 100.0 == pytest.approx(one["snr_spectrum"], rel=1e-5)


def test_spectrum_trains_half_of_each_kind_and_all_embeddings() -> None:
    ups = blocks([randn(40, 30) + s * randn(40, 1, seed=7) @ randn(1, 30, seed=8) for s in (0.5, 3.0, 1.0, 2.0)])
    rows = table(SNR, [*ups, weight(randn(90, 30), "tokens.weight", "embedding", None)]).rows
    ratios = sorted(rows[:4], key=lambda row: float(row.value("snr_spectrum") or 0.0))

    def names(chosen: list[Row]) -> set[str]:
        return {row.weight.name for row in chosen}

    assert names(trained_rows(rows)) == names([*ratios[2:], rows[4]])


def test_what_is_said_of_a_model() -> None:
    said = summary(SNR, blocks([randn(60, 50), randn(60, 50) + 1.0, torch.zeros(20, 20), randn(4, 9)]))
    texts = [finding.text for finding in said.findings]
    assert texts == [
        "MLP up projection (up_proj) of block 0 has no signal above noise",
        "Spectrum would train 1 of 4 matrices",
        "2 matrices have no signal-to-noise ratio",
    ]
    assert said.headline.endswith(
        "1 has none at all. 2 others could not be judged (one: all entries are equal, so none is noise)."
    )


def test_the_headline_holds_with_ties() -> None:
    silent, signal = randn(60, 50), randn(60, 50) + 1.0
    assert summary(SNR, blocks([silent, silent, signal])).headline == "2 of 3 matrices have no signal above noise."
    assert summary(SNR, blocks([silent])).headline == "1 of 1 matrix has no signal above noise."
    said = summary(SNR, blocks([signal, signal])).headline
    assert re.fullmatch(r"At least half of 2 matrices hold \d+(\.\d)? % or more of their weight above noise\.", said)
    assert summary(SNR, blocks([signal])).headline.startswith("The matrix holds ")
