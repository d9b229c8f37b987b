"""What both checkouts are asked: every kind of run and every kind of file, small."""

from dataclasses import dataclass

__all__ = ["REQUESTS", "Request"]

DEMO = "-m core-promoter -g data/demo.fa -d cpu -q"
SMALL = "-g data/small.fa -d cpu -q"
CLIPNET = f"-m clipnet-lcl --weights data/clipnet {SMALL}"
GET = f"-m get-expression --weights data/get/expression.ckpt --option heads=2 {SMALL}"
MOTIFS = "--motifs data/get/motifs.meme --clusters data/get/clusters.tsv"
PEAKS = f"--peaks data/peaks.bed {MOTIFS}"
SHORT = "-r chr5:3,001-4,000 -r chr9:1-600 -r chr14:2,501-3,050"
THREE = "-m core-promoter -m clipnet-lcl -m mpralegnet-genomic"
THREE_WEIGHTS = "--weights clipnet-lcl=data/clipnet --weights mpralegnet-genomic=data/mpralegnet"
OUT = "-o {out}"


@dataclass(frozen=True)
class Request:
    """Command lines that are run one after another and write into one folder, ``{out}``.

    ``needs`` are kinds of inputs beside the demonstration genome; ``stdin`` is the file that
    every step reads from standard input; ``new_steps`` is what the new checkout is asked
    where its command line differs from the old one's.
    """

    name: str
    steps: tuple[str, ...]
    needs: tuple[str, ...] = ()
    stdin: str = ""
    new_steps: tuple[str, ...] = ()


def _request(
    name: str, *steps: str, needs: str = "", stdin: str = "", new_steps: tuple[str, ...] = ()
) -> Request:
    said_now = new_steps or tuple(_said_now(step) for step in steps)
    return Request(name, steps, tuple(needs.split()), stdin, said_now)


def _said_now(step: str) -> str:
    """Say a command of the first version as it is said since inputs go by the card's names."""
    for name in ("motifs", "clusters", "archetypes"):
        step = step.replace(f"--{name} ", f"--input {name}=")
    return step.replace("--region-mode ", "--option alleles=")


WINDOWS = (
    _request("genome", f"predict {DEMO} {OUT}"),
    _request(
        "regions-packed-alias-decimals",
        "predict -m core-promoter -g data/packed.fa.gz -d cpu -q -r data/regions.bed "
        f"-r demo2:70,000-75,000 --alias data/aliases.tsv --clip --precision 2decimals {OUT}",
    ),
    _request("chroms-zlib", f"predict {DEMO} --chroms demo2 --compressor zlib {OUT}"),
    _request("one-track-10bits", f"predict {DEMO} -t plus --precision 10bits {OUT}"),
    _request("rc-shifts", f"predict {DEMO} --chroms demo2 --rc --shifts -43,0,43 {OUT}"),
    _request("stride-no-rc", f"predict {DEMO} --chroms demo2 --no-rc --stride 700 {OUT}"),
    _request("parts", f"predict {DEMO} --parts 7 {OUT}"),
    _request(
        "steps",
        f"plan {DEMO} --chroms demo2 --parts 5 {OUT}",
        "work {out} -d cpu -q --part 0/2",
        "work {out} -d cpu -q --part 1/2",
        "finish {out} -q",
    ),
    _request(
        "several-models",
        f"predict {THREE} {THREE_WEIGHTS} {SMALL} -r chr9:1,001-2,000 {OUT}",
        needs="clipnet mpralegnet",
    ),
    _request(
        "folds-mean-small-batches",
        f"predict {CLIPNET} --folds mean --chroms chr14 -b 3 {OUT}",
        needs="clipnet",
    ),
    _request(
        "folds-held-out", f"predict {CLIPNET} --folds held-out {SHORT} {OUT}", needs="clipnet"
    ),
    _request(
        "folds-some-spread",
        f"predict {CLIPNET} --folds mean:1,2 --spread --chroms chr9 {OUT}",
        needs="clipnet",
    ),
    _request(
        "fold-rc-bf16",
        f"predict {CLIPNET} --folds 3 --rc --dtype bf16 {SHORT} --compressor isal {OUT}",
        needs="clipnet",
    ),
    _request(
        "mpralegnet-stranded",
        "predict -m mpralegnet -m mpralegnet-stranded --weights mpralegnet=data/mpralegnet "
        f"--weights mpralegnet-stranded=data/mpralegnet {SMALL} {OUT}",
        needs="mpralegnet",
    ),
    _request(
        "enformer",
        "predict -m enformer-human --weights data/enformer -g data/demo.fa --chroms demo2 -d cpu "
        f"-q -t ID3 -t ID20 {OUT}",
        needs="enformer",
    ),
)
REGIONS = (
    _request("peaks", f"predict {GET} {PEAKS} {OUT}", needs="get"),
    _request(
        "peaks-accessibility-one-track",
        f"predict {GET} {PEAKS} --accessibility data/signal.bw --option accessibility=global "
        f"-t minus --precision 10bits {OUT}",
        needs="get",
    ),
    _request(
        "peaks-counts-stride",
        f"predict {GET} {PEAKS} --counts-column 5 --option accessibility=window --stride 5 {OUT}",
        needs="get",
    ),
    _request(
        "peaks-merged-archetypes",
        f"predict {GET} --peaks data/overlapping.bed --overlaps merge --counts-column 5 "
        "--archetypes data/get/archetypes.bed.gz --input clusters=data/get/clusters.txt "
        f"--compressor zlib {OUT}",
        needs="get",
    ),
    _request(
        "peaks-stored-normalisers",
        f"predict {GET} {PEAKS} -o {{out}}/all",
        f"predict {GET} --peaks data/few.bed {MOTIFS} "
        "--normalisers {out}/all/regions/get-expression.normalisers.json -o {out}/few",
        needs="get",
    ),
    _request(
        "peaks-atac",
        "predict -m get-atac --weights data/get/atac.ckpt --option heads=2 --option scan_ends=all "
        f"{SMALL} {PEAKS} {OUT}",
        needs="get",
    ),
)
VARIANTS = (
    _request("variants", f"variants data/variants.vcf.gz {DEMO} {OUT}"),
    _request("variants-bcf", f"variants data/variants.bcf {DEMO} -r demo1 {OUT}"),
    _request(
        "variants-table-alias-track",
        f"variants data/variants.tsv {DEMO} --alias data/aliases.tsv -t minus {OUT}",
    ),
    _request(
        "variants-stdin-top", f"variants - {DEMO} -t top:3 -t plus {OUT}", stdin="data/variants.vcf"
    ),
    _request(
        "variants-unsorted-around",
        f"variants data/unsorted.vcf {DEMO} -t demo2:20,000-40,000 {OUT}",
    ),
    _request(
        "variants-steps",
        f"variants data/variants.vcf {DEMO} --compressor zlib --plan-only {OUT}",
        "work {out} -d cpu -q --part 0/2",
        "work {out} -d cpu -q",
        "finish {out} -q",
    ),
    _request("variants-background", f"variants data/variants.vcf {DEMO} --background 200 {OUT}"),
    _request(
        "variants-rc-scores",
        f"variants data/variants.vcf {DEMO} --rc --shifts -3,0,3 --score l2 --score maxabs "
        f"--score shift {OUT}",
    ),
    _request("saturation", f"variants {DEMO} --saturate demo1:5,900-6,050 {OUT}"),
    _request(
        "variants-odd",
        f"variants data/odd.vcf -m core-promoter {SMALL} --max-skipped 1 {OUT}",
    ),
    _request(
        "variants-odd-swapped",
        f"variants data/odd.vcf {CLIPNET} --folds mean:1,2 --spread --max-skipped 1 --max-n 0.1 "
        f"--ref-mismatch use-alt-as-ref -t top:4 {OUT}",
        needs="clipnet",
    ),
    _request(
        "variants-held-out",
        f"variants data/small.vcf {CLIPNET} --folds held-out --chroms chr9 --chroms chr14 {OUT}",
        needs="clipnet",
    ),
    _request(
        "variants-several-models",
        f"variants data/small.vcf {THREE} {THREE_WEIGHTS} {SMALL} --chroms chr14 --score diff "
        f"{OUT}",
        needs="clipnet mpralegnet",
    ),
    _request(
        "variants-peaks-ratio",
        f"variants data/odd.vcf {GET} {PEAKS} --max-skipped 1 {OUT}",
        needs="get",
    ),
    _request(
        "variants-peaks-recompute",
        f"variants data/odd.vcf {GET} {PEAKS} --max-skipped 1 --region-mode recompute "
        f"--counts-column 5 --score diff --score strongest {OUT}",
        needs="get",
    ),
)
REQUESTS = (*WINDOWS, *REGIONS, *VARIANTS)
