import gzip
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyBigWig
import pytest
import requests
import torch
from click.testing import CliRunner
from tracksmith_get.network import build
from tracksmith_get.plugin import ATAC, EXPRESSION, find_weights, tracksmith_models
from tracksmith_get.scan import motif_features

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.models.web import reason
from tracksmith.plugin import LoadRequest
from tracksmith.progress import Silent

MODELS = {model.card.name: model for model in tracksmith_models()}


class Configuration:
    """What a Lightning checkpoint may hold beside its tensors."""

    def __init__(self):
        self.num_regions = 900


def checkpoint(path, state):
    content = {
        "state_dict": {f"model.{name}": value for name, value in state.items()},
        "hyper_parameters": SimpleNamespace(config=Configuration()),
        "optimizer_states": [{"lr": 1e-3}],
        "epoch": 3,
    }
    torch.save(content, path)
    return path


def load(name, path, features=(), **options):
    request = LoadRequest({"": (path,)}, ("plus", "minus"), {"heads": "2"} | options, features)
    return MODELS[name].load(request)


def test_the_plugin_imports_without_torch_and_names_both_models():
    code = (
        "import sys, tracksmith_get.plugin as p; m = p.tracksmith_models();"
        "print('torch' in sys.modules, *(x.card.name for x in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "get-expression", "get-atac"]


def test_the_cards_say_that_the_weights_are_not_for_commerce():
    for card in (EXPRESSION, ATAC):
        assert not card.commercial_use
        assert "CC BY-NC 4.0" in card.weights_licence
        assert card.assemblies == ("hg38",)
        assert any("not held-out" in note for note in card.notes)
    assert [(t.id, t.strand, t.units) for t in EXPRESSION.tracks] == [
        ("plus", "+", "log10(TPM+1)"),
        ("minus", "-", "log10(TPM+1)"),
    ]


def test_a_checkpoint_with_pickled_configuration_is_read_without_running_it(tmp_path, state):
    path = checkpoint(tmp_path / "x.ckpt", state)
    names = (*"abcde", "accessibility")
    network = load("get-expression", path, names)
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)


def test_a_checkpoint_for_another_model_or_other_clusters_is_refused(tmp_path, state, make_state):
    path = checkpoint(tmp_path / "x.ckpt", state)
    with pytest.raises(InputError, match=r"predicts 2 values a region; get-atac needs 1.*get-expr"):
        load("get-atac", path)
    atac = checkpoint(tmp_path / "y.ckpt", make_state(tracks=1))
    with pytest.raises(InputError, match=r"predicts 1 values.*Is it a checkpoint for get-atac"):
        load("get-expression", atac)
    with pytest.raises(InputError, match=r"reads 5 motif clusters.*names 2"):
        load("get-expression", path, ("a", "b", "accessibility"))
    with pytest.raises(UsageError, match="heads=many"):
        load("get-expression", path, heads="many")


def test_options_reach_the_network(tmp_path, state, make_state):
    path = checkpoint(tmp_path / "x.ckpt", state)
    ways = {"binary": "given", "global": "given", "window": "window"}
    for option, way in ways.items():
        assert load("get-expression", path, accessibility=option).accessibility == way
    atac = checkpoint(tmp_path / "y.ckpt", make_state(tracks=1))
    assert load("get-atac", atac).accessibility == "ones"


def test_one_checkpoint_is_found_in_a_folder_and_two_are_refused(tmp_path):
    with pytest.raises(InputError, match="must hold one GET checkpoint"):
        find_weights(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    only = tmp_path / "checkpoint-best.pth"
    only.write_text("")
    assert find_weights(tmp_path) == find_weights(only) == {"": (only,)}
    (tmp_path / "b.ckpt").write_text("")
    with pytest.raises(InputError, match=r"holds b\.ckpt, checkpoint-best\.pth"):
        find_weights(tmp_path)


@pytest.fixture
def registered(monkeypatch):
    models = {name: RegisteredModel(m, "get", "1", "get") for name, m in MODELS.items()}
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: Registry(models, []))


@pytest.fixture
def inputs(shared):
    motifs = shared / "data" / "motifs"
    return {
        "motifs": motifs / "jaspar_2024_consensus.meme",
        "clusters": motifs / "jaspar_2024_clusters.tsv",
    }


@pytest.fixture
def small_genome(tmp_path):
    """Three contigs: one with many peaks, one with few, one with none."""
    random = np.random.default_rng(2)
    path = tmp_path / "genome.fa"
    text = ""
    for name, length in (("chr1", 120_000), ("chr2", 9_000), ("chr3", 500)):
        text += f">{name}\n{''.join(random.choice(list('ACGT'), length))}\n"
    path.write_text(text)
    return path


@pytest.fixture
def peaks(tmp_path):
    """310 peaks of 100 to 250 bp with counts; every seventh has none."""
    random = np.random.default_rng(3)
    rows = []
    for contig, count in (("chr1", 290), ("chr2", 20)):
        for number in range(count):
            start = number * 400 + int(random.integers(100))
            end = start + int(random.integers(100, 250))
            counts = 0 if number % 7 == 3 else int(random.integers(1, 500))
            rows.append((contig, start, end, f"{contig}.{number}", counts))
    path = tmp_path / "peaks.bed"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path, rows


def values_by_hand(genome, rows, state, jaspar, level=None):
    """Features, maxima, windows and network, one after the other, without the engine."""
    with Genome.open(genome) as file:
        raw = motif_features([file.read(*row[:3]) for row in rows], jaspar)
    column = np.ones(len(rows)) if level is None else level
    x = np.column_stack([raw / raw.max(axis=0), column]).astype(np.float32)
    network = build(state, "x", 2)
    values = []
    for contig in ("chr1", "chr2"):
        mine = [i for i, row in enumerate(rows) if row[0] == contig]
        first, count = mine[0], len(mine)
        starts = sorted({*range(0, count - 199, 100), count - 200}) if count > 200 else [0]
        length = min(200, count)
        outputs = {}
        for start in starts:
            window = torch.from_numpy(x[first + start : first + start + length])[None]
            with torch.inference_mode():
                outputs[start] = network(window)[0].numpy()
        for place in range(count):
            best = min(starts, key=lambda s, place=place: abs(s + (length - 1) / 2 - place))
            values.append(outputs[best][place - best])
    return np.array(values)


def table_of(run):
    name = run.plan.models[0].name
    with gzip.open(run.folder / "regions" / f"{name}.tsv.gz", "rt") as handle:
        return [line.rstrip("\n").split("\t") for line in handle]


def test_a_run_gives_each_accessible_peak_its_expression(
    tmp_path, registered, inputs, small_genome, peaks, make_state, jaspar
):
    path, rows = peaks
    state = make_state(features=40)
    weights = checkpoint(tmp_path / "checkpoint-best.ckpt", state)
    notes = []
    progress = Silent()
    progress.note = notes.append
    run = tracksmith.predict(
        "get-expression",
        small_genome,
        tmp_path / "out",
        progress=progress,
        peaks=path,
        inputs=inputs,
        counts_column=5,
        weights=weights,
        options={"heads": "2"},
    )
    kept = [row for row in rows if row[4]]
    expected = values_by_hand(small_genome, kept, state, jaspar)
    heading, *table = table_of(run)
    assert heading[5:] == ["plus", "minus"]
    assert [row[3] for row in table] == [row[3] for row in kept]
    np.testing.assert_allclose(np.array(table)[:, 5:].astype(float), expected, rtol=0, atol=1e-5)
    for track, column, sign in (("plus", 0, 1), ("minus", 1, -1)):
        with pyBigWig.open(str(run.folder / "tracks" / f"get-expression.{track}.bw")) as file:
            items = [(c, *item) for c in ("chr1", "chr2") for item in file.intervals(c)]
        assert [item[:3] for item in items] == [row[:3] for row in kept]
        np.testing.assert_allclose(
            [item[3] for item in items], sign * expected[:, column], rtol=0, atol=1e-5
        )
    assert any("may not be used commercially (CC BY-NC 4.0" in note for note in notes)
    stored = json.loads((run.folder / "regions" / "get-expression.normalisers.json").read_text())
    assert tuple(stored["normalisers"]["maxima"]) == tuple(sorted(jaspar.clusters))


def test_quantitative_accessibility_comes_from_the_counts(
    tmp_path, registered, inputs, small_genome, peaks, make_state, jaspar
):
    path, rows = peaks
    state = make_state(features=40)
    weights = checkpoint(tmp_path / "x.ckpt", state)
    kept = [row for row in rows if row[4]]
    counts = np.array([row[4] for row in kept], dtype=float)
    level = np.log10(counts / counts.sum() * 1e5 + 1)
    tables = {}
    for way in ("binary", "global", "window"):
        options = {"heads": "2", "accessibility": way}
        run = tracksmith.predict(
            "get-expression",
            small_genome,
            tmp_path / way,
            peaks=path,
            inputs=inputs,
            counts_column=5,
            weights=weights,
            options=options,
        )
        tables[way] = np.array(table_of(run)[1:])[:, 5:]
    expected = values_by_hand(small_genome, kept, state, jaspar, level / level.max())
    np.testing.assert_allclose(tables["global"].astype(float), expected, rtol=0, atol=1e-5)
    differing = [
        (tables[a] != tables[b]).any() for a, b in (("binary", "global"), ("global", "window"))
    ]
    assert all(differing)


def test_the_accessibility_model_runs_without_accessibility_and_refuses_it(
    tmp_path, registered, inputs, small_genome, peaks, make_state
):
    path, rows = peaks
    weights = checkpoint(tmp_path / "x.ckpt", make_state(features=40, tracks=1))
    options = {"peaks": path, "inputs": inputs, "weights": weights, "options": {"heads": "2"}}
    run = tracksmith.predict("get-atac", small_genome, tmp_path / "out", **options)
    assert len(table_of(run)) == 1 + len(rows)
    assert [p.name for p in (run.folder / "tracks").iterdir()] == ["get-atac.atac.bw"]
    with pytest.raises(UsageError, match="get-atac does not read accessibility"):
        other = tmp_path / "other"
        tracksmith.predict("get-atac", small_genome, other, **options, counts_column=5)


@pytest.mark.parametrize("change", [lambda t: t[None], lambda t: t.sum(), lambda t: t[:0]])
def test_every_tensor_of_another_shape_is_a_sentence(tmp_path, state, change):
    for name in state:
        path = checkpoint(tmp_path / "x.ckpt", state | {name: change(state[name])})
        with pytest.raises(InputError, match=r"x\.ckpt"):
            MODELS["get-expression"].load(LoadRequest({"": (path,)}, options={"heads": "2"}))


def test_no_room_is_made_for_sizes_that_only_some_tensors_claim(tmp_path, state):
    """A class token and a bias of two million would ask for a layer of 16 terabytes."""
    claims = {
        "cls_token": torch.zeros(1, 1, 2_000_000),
        "encoder.blocks.0.mlp.fc1.weight": torch.zeros(2_000_000, 1),
        "encoder.blocks.999999999.norm1.weight": torch.zeros(8),
    }
    for name in (list(claims)[:2], list(claims)[2:]):
        changed = state | {key: claims[key] for key in name}
        path = checkpoint(tmp_path / "x.ckpt", changed)
        with pytest.raises(InputError, match=r"x\.ckpt is no .*GET"):
            MODELS["get-expression"].load(LoadRequest({"": (path,)}, options={"heads": "2"}))


def test_the_bucket_of_the_authors_asks_for_payment_and_the_way_is_told():
    answer = requests.Response()
    answer.status_code, answer.reason = 403, "Forbidden"
    (url,) = MODELS["get-expression"].card.weights[0].urls
    said = reason(requests.HTTPError(response=answer), url)
    assert said.startswith("HTTP 403 Forbidden. Its owners may have set the bucket to")
    line = "aws s3 cp --request-payer requester s3://2023-get-xf2217/get_demo/checkpoints/"
    assert line in said
    assert "checkpoint-best.pth FOLDER/" in said
    answer.status_code = 404
    assert "aws" not in reason(requests.HTTPError(response=answer), url)


def test_wrong_clusters_are_refused_before_anything_is_scanned(
    tmp_path, registered, inputs, small_genome, peaks, make_state
):
    weights = checkpoint(tmp_path / "x.ckpt", make_state(features=283))
    options = {"peaks": peaks[0], "inputs": inputs, "weights": weights, "options": {"heads": "2"}}
    with pytest.raises(InputError, match=r"reads 282 motif clusters.*names 39"):
        tracksmith.predict("get-expression", small_genome, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def command(*arguments):
    """Run ``tracksmith`` in this process; return exit code and output."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_the_command_line_runs_a_region_model(
    tmp_path, registered, inputs, small_genome, peaks, make_state
):
    weights = checkpoint(tmp_path / "checkpoint-best.ckpt", make_state(features=40))
    arguments = ["predict", "-m", "get-expression", "-g", small_genome, "-o", tmp_path / "out"]
    arguments += ["--peaks", peaks[0], "--weights", weights, "--option", "heads=2"]
    arguments += [
        "--input",
        f"motifs={inputs['motifs']}",
        "--input",
        f"clusters={inputs['clusters']}",
    ]
    code, output = command(*arguments, "--counts-column", 5)
    assert code == 0, output
    assert "may not be used commercially (CC BY-NC 4.0" in output
    assert "get-expression.minus.bw" in output
    code, output = command(*arguments, "--counts-column", 5)
    assert code == 0
    assert "finished already" in output
    code, output = command(*arguments)
    assert code == 2
    assert "counts_column: 5, null" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "motifs=m"], "get-expression reads a list of regions"),
        (["--counts-column", 4], "get-expression reads a list of regions"),
        (["--peaks", "p", "--folds", "held-out"], "--folds has no meaning for get-expression"),
        (["--peaks", "p", "--spread"], "--spread has no meaning for get-expression"),
        (["--peaks", "get-atac=p"], "--peaks names get-atac, which was not asked for"),
        (["--peaks", "p", "--input", "motifs"], "give NAME=VALUE"),
        (["--peaks", "p", "--overlaps", "keep"], "--overlaps keep: use one of refuse, merge"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path, registered, small_genome, state, options, message
):
    weights = checkpoint(tmp_path / "x.ckpt", state)
    arguments = ["predict", "-m", "get-expression", "-g", small_genome, "-o", tmp_path / "out"]
    code, output = command(*arguments, "--weights", weights, *options)
    assert code == 2
    assert message in output
    assert not (tmp_path / "out").exists()


def test_a_region_model_without_peaks_says_what_to_give(tmp_path, registered, small_genome, state):
    weights = checkpoint(tmp_path / "x.ckpt", state)
    arguments = ["predict", "-m", "get-expression", "-g", small_genome, "-o", tmp_path / "out"]
    code, output = command(*arguments, "--weights", weights)
    assert code == 2
    assert "give it --peaks FILE.bed" in output
