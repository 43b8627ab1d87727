"""When an instrument plays, of sounds whose spans are known; labels read by another parser."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.inference.activity import Activity, joined_spans, label_text

RATE = 8000


def spans_of(*parts, block=1234, reference=0.02):
    """The spans of a tone with these (seconds, level in dB re the reference)."""
    audio = np.concatenate([
        np.sqrt(2 * reference) * 10 ** (level / 20) * np.sin(np.arange(round(seconds * RATE)) * 0.7)
        for seconds, level in parts
    ])[None].astype("f4")  # fmt: skip
    activity = Activity(RATE)
    for start in range(0, audio.shape[1], block):
        activity.update(audio[:, start : start + block])
    return activity.spans(reference)


SILENT = -200


@pytest.mark.parametrize("block", [1, 1234, 10**6])
def test_spans_are_where_the_tone_is(block):
    parts = [(1.0, SILENT), (2.0, 0), (1.5, SILENT), (0.75, -6), (1.0, SILENT)]
    if block == 1:
        parts = [(seconds / 10, level) for seconds, level in parts]
        assert np.allclose(spans_of(*parts, block=block), [(0.1, 0.525)], atol=0.051)
        return
    found = spans_of(*parts, block=block)
    assert np.allclose(found, [(1.0, 3.0), (4.5, 5.25)], atol=0.051)


def test_a_note_that_fades_is_one_span_until_it_is_far_below_its_beginning():
    """Above -20 dB it begins; at -24 dB it goes on, and does not begin; at -30 dB it ends."""
    assert np.allclose(spans_of((1, -15), (1, -24), (1, -30)), [(0, 2)], atol=0.051)
    assert np.allclose(spans_of((1, -24), (1, -15), (1, -30)), [(1, 2)], atol=0.051)


def test_a_short_rest_does_not_end_a_span_and_a_long_one_does():
    assert np.allclose(spans_of((1, 0), (0.4, SILENT), (1, 0)), [(0, 2.4)], atol=0.051)
    assert len(spans_of((1, 0), (0.7, SILENT), (1, 0))) == 2


def test_a_span_ends_with_the_recording_and_a_click_is_none():
    assert spans_of((1.0, SILENT), (0.777, 0)) == [(pytest.approx(1.0), pytest.approx(1.777))]
    assert spans_of((1.0, SILENT), (0.03, 0), (1.0, SILENT)) == []
    assert spans_of((1.0, SILENT)) == []


def test_silence_and_nothing_have_no_spans():
    assert spans_of((1.0, SILENT), reference=0.0) == []
    assert Activity(RATE).spans(1.0) == []


def parsed(text):
    """Audacity's format: start and end in seconds, and a text that may have anything but tabs."""
    return [
        (float(start), float(end), label)
        for start, end, label in (line.split("\t") for line in text.splitlines())
    ]


def test_labels_are_read_again_in_the_order_of_time():
    spans = {"violin": [(0.0, 1.5), (2.25, 3.0)], "cello": [(1 / 3, 3600.123456)]}
    text = label_text(spans, bars=[("1", 0.0), ("2", 2.0)])
    assert parsed(text) == [
        (0.0, 0.0, "bar 1"), (0.0, 1.5, "violin"), (0.333333, 3600.123456, "cello"),
        (2.0, 2.0, "bar 2"), (2.25, 3.0, "violin"),
    ]  # fmt: skip
    assert "0.333333\t3600.123456\tcello\n" in text
    assert label_text({"violin": []}) == ""


def test_spans_bridge_short_rests_and_end_with_the_recording():
    plays = [True, True, False, True, False, False, False, True]
    assert joined_spans(plays, 0.4, 3.0) == [(0.0, 1.6), (pytest.approx(2.8), 3.0)]
