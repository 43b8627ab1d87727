"""Notes that are right, late, or of another pitch."""

from experiments.note_charts import note_f1, plot_notes
from helpers.music.scores import Note

TRUTH = [Note(0.0, 1.0, 60), Note(1.0, 1.0, 62)]


def test_notes_count_within_50_ms_and_once():
    assert note_f1(TRUTH, TRUTH) == 1.0
    assert note_f1([Note(0.04, 1.0, 60), Note(1.06, 1.0, 62)], TRUTH) == 0.5
    assert note_f1([Note(0.0, 1.0, 60), Note(0.01, 1.0, 60)], TRUTH) == 0.5
    assert note_f1([], TRUTH) == 0.0


def test_each_note_is_a_bar():
    figure = plot_notes({"written": {"violin": TRUTH, "cello": TRUTH[:1]}, "found": {}})
    assert [len(ax.patches) for ax in figure.axes] == [3, 0]
