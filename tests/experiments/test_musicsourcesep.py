"""The tables in the published layout, to the character."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.nussl.musicsourcesep import CONFIGURATIONS, INSTRUMENTS, METRICS, write_tables

MODEL_E = """\
,Target_instrument,Avg+-Std SI-SAR,Avg+-Std SI-SDR,Avg+-Std SI-SIR,Avg+-Std SNR
0,violin,2.6605 ± 1.2927,0.581 ± 1.5047,4.9995 ± 2.3326,3.3059 ± 0.7757
0,bassoon,10.2911 ± 1.8588,-6.0057 ± 0.5351,-5.897 ± 0.5121,-3.8291 ± 0.1437
0,clarinet,1.8281 ± 1.4409,-1.2837 ± 1.6222,1.677 ± 1.9212,2.3862 ± 0.7532
0,saxphone,4.0214 ± 0.622,-2.179 ± 0.7487,-0.9612 ± 0.9328,1.7026 ± 0.2956
"""
VIOLIN = """\
,Models,Avg+-Std SI-SAR,Avg+-Std SI-SDR,Avg+-Std SI-SIR,Avg+-Std SNR
0,Model A,7.8156 ± 1.5922,-3.9426 ± 0.5993,-3.6211 ± 0.6726,1.0507 ± 0.3363
0,Model B,6.526 ± 1.6632,-4.1932 ± 0.6887,-3.7908 ± 0.6488,1.1823 ± 0.2568
0,Model C,3.6319 ± 2.3592,-3.085 ± 1.1161,-1.8411 ± 1.3898,1.6863 ± 0.4115
0,Model D,2.62 ± 1.3366,0.2325 ± 1.3618,3.9965 ± 1.5079,3.1463 ± 0.6905
0,Model E,2.6605 ± 1.2927,0.581 ± 1.5047,4.9995 ± 2.3326,3.3059 ± 0.7757
0,Model F,-3.3146 ± 2.0966,-4.4473 ± 2.0246,2.4107 ± 2.6533,1.1831 ± 0.5565
"""
NAMES = [
    "SepModel_MaxMix=10_HSize=50_NLayers=1_Dropout=0_EpcLen=10_MaxEpc=1_FULL_EVAL_RESULTS.csv",
    "SepModel_MaxMix=10_HSize=50_NLayers=2_Dropout=0.2_EpcLen=10_MaxEpc=1_FULL_EVAL_RESULTS.csv",
    "SepModel_MaxMix=10_HSize=100_NLayers=2_Dropout=0.2_EpcLen=10_MaxEpc=1_FULL_EVAL_RESULTS.csv",
    "SepModel_MaxMix=10_HSize=100_NLayers=2_Dropout=0.2_EpcLen=25_MaxEpc=3_FULL_EVAL_RESULTS.csv",
    "SepModel_MaxMix=10_HSize=200_NLayers=2_Dropout=0.2_EpcLen=25_MaxEpc=3_FULL_EVAL_RESULTS.csv",
    "SepModel_MaxMix=1_HSize=200_NLayers=2_Dropout=0.2_EpcLen=25_MaxEpc=3_FULL_EVAL_RESULTS.csv",
]
SAXOPHONE = "SepModel_saxphone_FULL_EVAL_RESULTS.csv"


@pytest.fixture
def published(row):
    """Rows of two recordings each, whose mean and deviation are those of the published tables."""

    def read(table: str, system=None, instrument=None):
        header, *lines = [line.split(",") for line in table.splitlines()]
        for _, first, *cells in lines:
            for title, cell in zip(header[2:], cells, strict=True):
                mean, deviation = map(float, cell.split(" ± "))
                for track, sign in (("01", -1), ("02", 1)):
                    yield replace(
                        row,
                        system=system or first,
                        instrument=instrument or first.replace("saxphone", "saxophone"),
                        track=track,
                        metric=title.removeprefix("Avg+-Std "),
                        value=mean + sign * deviation / 2**0.5,
                    )

    return [
        *read(MODEL_E, system="Model E"),
        *(row for row in read(VIOLIN, instrument="violin") if row.system != "Model E"),
    ]


def test_file_names_are_the_published_ones():
    assert [configuration.file_name for configuration in CONFIGURATIONS] == NAMES


def test_tables_are_the_published_ones_to_the_character(tmp_path, published):
    files = write_tables(published, tmp_path)
    assert {file.name for file in files} == {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / NAMES[4]).read_text(encoding="utf-8") == MODEL_E
    violin = tmp_path / "SepModel_violin_FULL_EVAL_RESULTS.csv"
    assert violin.read_text(encoding="utf-8") == VIOLIN
    assert len(files) == len(CONFIGURATIONS) + len(INSTRUMENTS)
    assert SAXOPHONE in {file.name for file in files}


def test_baselines_are_below_the_models(tmp_path, published):
    others = [
        replace(row, system=system, value=value)
        for row in published
        for system, value in (("mixture", -5.0), ("Model G", 5.0), ("oracle-irm", 9.0))
        if row.system == "Model F"
    ]
    write_tables([*others, *published], tmp_path)
    lines = (tmp_path / "SepModel_violin_FULL_EVAL_RESULTS.csv").read_text().splitlines()
    assert "\n".join(lines[:7]) + "\n" == VIOLIN
    assert lines[7:] == [
        f"0,{system},{','.join([f'{value} ± 0.0'] * 4)}"
        for system, value in (("Model G", 5.0), ("mixture", -5.0), ("oracle-irm", 9.0))
    ]


def test_a_single_recording_has_no_deviation(tmp_path, row):
    alone = replace(row, system="Model A", instrument="violin", value=2.0)
    write_tables([replace(alone, metric=metric) for metric in METRICS], tmp_path)
    table = (tmp_path / NAMES[0]).read_text(encoding="utf-8")
    assert table.splitlines()[1] == "0,violin" + 4 * ",2.0 ± nan"
