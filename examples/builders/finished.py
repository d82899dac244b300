"""What every graph that is made by hand here ends with."""

import onnx
from onnx import helper


def finished(graph: onnx.GraphProto) -> onnx.ModelProto:
    """The model of a graph, in an opset and IR version that older runtimes read, too.

    Raises:
        onnx.checker.ValidationError: the graph is not valid, or shapes in it disagree.
    """
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="gpux-examples"
    )
    onnx.checker.check_model(model, full_check=True)
    return model
