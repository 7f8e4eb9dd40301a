"""The catalog: data sets known by name. Those inside scikit-learn need no file; the others are looked up
first.

A file is looked for in LEARNLOOP_DATA and in the cache, under the canonical file names and under the
packaging of the project's own data folder; it is downloaded only when that was asked for.
"""

from __future__ import annotations

from dataclasses import replace

from learnloop.data import catalog_loaders as loaders
from learnloop.data import catalog_texts as texts
from learnloop.data import spoken
from learnloop.data.catalog_loaders import Entry, File
from learnloop.data.npz import LABEL
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.errors import DataError, did_you_mean, nearest

CODE: tuple[Kind, str] = ("category", "A code, as its documentation says.")


def load(name: str, *, download: bool = False) -> Raw:
    """The data set `name` of CATALOG. Raises DataError for an unknown name, or when its files are not
    there.
    """
    if name not in CATALOG:
        raise DataError(
            name,
            "must be a name in the catalog",
            cause=did_you_mean(name, CATALOG),
            available=nearest(name, CATALOG),
        )
    entry = CATALOG[name]
    raw = entry.load(entry, download)
    return replace(
        raw,
        name=name,
        target=entry.target,
        kinds={**raw.kinds, **dict(entry.kinds)},
        aside=dict(entry.aside),
        plain=False,
        notes=(*((entry.note,) if entry.note else ()), *raw.notes),
        origin={**raw.origin, "catalog": name},
    )


# --- the table
# -------------------------------------------------------------------------------------------------

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_MNIST_SHA = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
_FASHION_SHA = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
_INSIDE = "inside scikit-learn"
_FSDD = File(
    "free-spoken-digit-dataset.tar.gz",
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
    "",
)

_POLARITY_URL = "https://raw.githubusercontent.com/dennybritz/cnn-text-classification-tf/master/data/rt-polaritydata/"
_MULTI30K_URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
_MULTI30K = tuple(
    f"{part}.{tongue}.gz" for part in ("train", "val", "test_2016_flickr") for tongue in ("en", "de", "fr")
)
_TEXT: tuple[Kind, str] = ("text", "Free text.")

_ENTRIES = (
    Entry(
        "digits",
        "Handwritten digits, 8 x 8 pixels",
        "classify",
        (LABEL,),
        1797,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        loaders.digits,
        note="Pixels 0..16 are stored as 0..240 (times 15), so that dividing by 15 gives them back exactly.",
    ),
    Entry(
        "wine",
        "Wines of three growers",
        "classify",
        ("class",),
        178,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        loaders.sklearn_table,
    ),
    Entry(
        "breast-cancer",
        "Breast cancer, Wisconsin",
        "classify",
        ("diagnosis",),
        569,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        loaders.sklearn_table,
    ),
    Entry(
        "diabetes",
        "Diabetes progression after a year",
        "regress",
        ("progression",),
        442,
        _INSIDE,
        "none stated",
        loaders.sklearn_table,
    ),
    Entry(
        "iris",
        "Three kinds of iris",
        "classify",
        ("species",),
        150,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        loaders.sklearn_table,
    ),
    Entry(
        "mnist",
        "Handwritten digits, 28 x 28 pixels",
        "classify",
        (LABEL,),
        70_000,
        "LeCun, Cortes and Burges",
        "none stated",
        loaders.mnist,
        files=tuple(File(name, _MNIST_URL + name, sha) for name, sha in zip(_IDX, _MNIST_SHA, strict=True)),
        local=("mnist", "MNIST/raw", "MNIST"),
    ),
    Entry(
        "fashion-mnist",
        "Articles of clothing, 28 x 28 pixels",
        "classify",
        (LABEL,),
        70_000,
        "Zalando Research",
        "MIT",
        loaders.mnist,
        files=tuple(File(name, _FASHION_URL + name, sha) for name, sha in zip(_IDX, _FASHION_SHA, strict=True)),
        local=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    ),
    Entry(
        "cifar10",
        "Small colour photographs of ten kinds of things",
        "classify",
        (LABEL,),
        60_000,
        "Krizhevsky 2009",
        "none stated",
        loaders.cifar10,
        files=(
            File(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        local=("cifar-10-batches-bin", "cifar10.npz"),
    ),
    Entry(
        "adult",
        "Does a person earn more than 50,000 dollars a year (US census 1994)",
        "classify",
        ("income",),
        48_842,
        "UCI, Kohavi and Becker 1996",
        "CC BY 4.0",
        loaders.adult,
        files=(
            File(
                "adult.data",
                _UCI + "adult/adult.data",
                "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            ),
            File(
                "adult.test",
                _UCI + "adult/adult.test",
                "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            ),
        ),
        local=("tabular/adult.csv.gz", "adult.csv.gz", "adult.csv"),
        kinds=(("education_num", ("number", "Years of schooling in order.")),),
    ),
    Entry(
        "california-housing",
        "Median house value (dollars) of Californian districts, census 1990",
        "regress",
        ("median_house_value",),
        20_640,
        "Pace and Barry 1997, as in ageron/data",
        "none stated",
        loaders.csv,
        files=(
            File(
                "housing.csv",
                "https://raw.githubusercontent.com/ageron/data/main/housing/housing.csv",
                "2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc",
            ),
        ),
        local=("tabular/california_housing.csv.gz", "california_housing.csv.gz", "california_housing.csv"),
    ),
    Entry(
        "titanic",
        "Who survived the sinking of the Titanic",
        "classify",
        ("Survived",),
        891,
        "Kaggle, as in ageron/data",
        "none stated",
        loaders.csv,
        files=(
            File(
                "titanic.csv",
                "https://raw.githubusercontent.com/ageron/data/main/titanic/train.csv",
                "14769fb1850e2d26d8e6db0ee49c213878040432827e39b13caaa15603c6598f",
            ),
        ),
        local=("tabular/titanic.csv.gz", "titanic.csv.gz", "titanic/train.csv"),
    ),
    Entry(
        "bike-sharing",
        "Bicycles hired in an hour, Washington 2011 and 2012",
        "regress",
        ("cnt",),
        17_379,
        "UCI, Fanaee-T 2013",
        "CC BY 4.0",
        loaders.csv,
        files=(
            File(
                "bike-sharing-dataset.zip",
                "https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip",
                "",
            ),
        ),
        local=("tabular/bike_sharing_hourly.csv.gz", "bike_sharing_hourly.csv.gz", "hour.csv"),
        kinds=(("season", CODE), ("weathersit", CODE)),
        aside=(
            ("casual", "A part of the target (cnt = casual + registered), so it would leak it; set aside."),
            (
                "registered",
                "A part of the target (cnt = casual + registered), so it would leak it; set aside.",
            ),
            ("instant", "The number of the row; set aside."),
        ),
        note="The columns casual and registered add up to the target and were set aside.",
    ),
    Entry(
        "spoken_digits",
        "Spoken digits, six speakers",
        "classify",
        ("digit",),
        900,
        "Free Spoken Digit Dataset, Jackson et al. 2018",
        "CC BY-SA 4.0",
        spoken.digits,
        files=(_FSDD,),
        local=("spoken_digits.npz",),
        note="Takes 0 to 14 of each speaker and digit; the official test part (takes 0 to 4) is kept.",
    ),
    Entry(
        "spoken_digit_strings",
        "Strings of 3 to 5 spoken digits of one speaker, made of the spoken digits",
        "transcribe",
        ("text",),
        2359,
        "Free Spoken Digit Dataset, Jackson et al. 2018",
        "CC BY-SA 4.0",
        spoken.strings,
        files=(_FSDD,),
        local=("spoken_digits.npz",),
        note=(
            "Single recordings were joined to strings, each in several: those of the test part (takes 0 to 4) and of "
            "validation (13 and 14) are in no other part."
        ),
    ),
    Entry(
        "imdb",
        "Is a film review favourable",
        "classify",
        ("label",),
        50_000,
        "Maas et al. 2011",
        "none stated",
        texts.table,
        files=(File("aclImdb_v1.tar.gz", "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz", ""),),
        local=("imdb.csv.gz", "imdb.csv"),
        kinds=(("text", _TEXT),),
        aside=(
            ("rating", "The stars that the label was made from, so it would leak it; set aside."),
            ("id", "The number of the review; set aside."),
        ),
        note="The official test part is kept; the column rating, which the label was made from, was set aside.",
    ),
    Entry(
        "rt_polarity",
        "Is a sentence about a film favourable",
        "classify",
        ("label",),
        10_662,
        "Pang and Lee 2005",
        "none stated",
        texts.table,
        files=tuple(File(f"rt-polarity.{end}", f"{_POLARITY_URL}rt-polarity.{end}", "") for end in ("neg", "pos")),
        local=("rt_polarity.csv.gz", "rt_polarity.csv"),
        kinds=(("text", _TEXT),),
    ),
    Entry(
        "sms_spam",
        "Is a text message spam",
        "classify",
        ("label",),
        5574,
        "Almeida and Hidalgo 2011 (UCI), as in justmarkham/pycon-2016-tutorial",
        "CC BY 4.0",
        texts.table,
        files=(
            File(
                "sms.tsv",
                "https://raw.githubusercontent.com/justmarkham/pycon-2016-tutorial/master/data/sms.tsv",
                "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
            ),
        ),
        local=("sms_spam.tsv.gz", "sms_spam.tsv"),
        kinds=(("text", _TEXT),),
    ),
    Entry(
        "multi30k",
        "German for English captions of photographs",
        "translate",
        ("de",),
        31_014,
        "Elliott et al. 2016",
        "research and education only",
        texts.multi30k,
        files=tuple(File(name, _MULTI30K_URL + name, "") for name in _MULTI30K),
        local=("multi30k_en_de_fr.tsv.gz", "multi30k_en_de_fr.tsv"),
        kinds=(("en", _TEXT), ("de", _TEXT), ("fr", _TEXT)),
        aside=(("fr", "The French caption; set aside (--target fr --set data.ignore=[de] learns it)."),),
        note="The parts train, validation and test 2016 are the official ones.",
    ),
    Entry(
        "fra_eng",
        "French for English sentences",
        "translate",
        ("fr",),
        167_130,
        "Tatoeba, by manythings.org",
        "CC BY 2.0",
        texts.table,
        files=(File("fra-eng.zip", "https://www.manythings.org/anki/fra-eng.zip", ""),),
        local=("fra_eng.tsv.gz", "fra_eng.tsv"),
        kinds=(("en", _TEXT), ("fr", _TEXT)),
    ),
    Entry(
        "tinyshakespeare",
        "Forty thousand lines of Shakespeare's plays",
        "language",
        (),
        1,
        "Karpathy 2015, char-rnn",
        "none stated",
        texts.prose,
        files=(
            File(
                "input.txt",
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        local=("tinyshakespeare.txt.gz", "tinyshakespeare.txt"),
        kinds=(("text", _TEXT),),
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
