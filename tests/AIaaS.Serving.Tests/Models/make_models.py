"""Writes the small ONNX models that the tests of AIaaS.Serving run.

Needs python3-onnx (1.12) and numpy; run it in this folder. The weights below are repeated in the tests that
compute expected predictions independently.
"""

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

ML = "ai.onnx.ml"


def info(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def save(name, nodes, inputs, outputs, initializers=()):
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = h.make_model(
        graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid(ML, 3)], producer_name="AIaaS.Serving.Tests")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, name + ".onnx")


def imputed(feature, mean):
    """Missing values (NaN) become the mean."""
    return [
        h.make_node("IsNaN", [feature], [feature + "_missing"]),
        h.make_node("Where", [feature + "_missing", mean, feature], [feature + "_imputed"]),
    ]


def classifier(name, label_nodes, label_type):
    """Two numbers and a category to three classes: softmax of a linear map of [length, mass, island one-hot]."""
    nodes = imputed("length", "length_mean") + imputed("mass", "mass_mean") + [
        h.make_node("OneHotEncoder", ["island"], ["island_code"], domain=ML,
                    cats_strings=["Biscoe", "Dream", "Torgersen"], zeros=1),
        h.make_node("Reshape", ["island_code", "island_shape"], ["island_flat"]),
        h.make_node("Concat", ["length_imputed", "mass_imputed", "island_flat"], ["features"], axis=1),
        h.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
        h.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        h.make_node("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
    ] + label_nodes
    save(name, nodes,
         [info("length", T.FLOAT, ["rows", 1]), info("mass", T.FLOAT, ["rows", 1]), info("island", T.STRING, ["rows", 1])],
         [info("label", label_type, ["rows"]), info("probabilities", T.FLOAT, ["rows", 3])],
         [
             constant("length_mean", [[40.0]]),
             constant("mass_mean", [[4.0]]),
             constant("island_shape", [-1, 3], np.int64),
             constant("weights", [[-0.10, 0.10, 0.05], [0.50, -0.25, 1.00], [0.2, -0.4, 0.9], [0.1, 1.1, -0.8], [0.7, -0.3, -0.6]]),
             constant("bias", [4.0, -3.0, -6.0]),
         ])


classifier("string-label", [
    h.make_node("LabelEncoder", ["class"], ["label"], domain=ML,
                keys_int64s=[0, 1, 2], values_strings=["Adelie", "Chinstrap", "Gentoo \"G\""]),
], T.STRING)

classifier("integer-label", [
    h.make_node("Gather", ["classes", "class"], ["label"]),
    h.make_node("Constant", [], ["classes"], value=numpy_helper.from_array(np.array([10, 20, 30], np.int64))),
][::-1], T.INT64)

save("boolean-label", [
    h.make_node("Sigmoid", ["score"], ["positive"]),
    h.make_node("Sub", ["one", "positive"], ["negative"]),
    h.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
    h.make_node("Greater", ["score", "zero"], ["decided"]),
    h.make_node("Reshape", ["decided", "flat"], ["label"]),
], [info("score", T.FLOAT, ["rows", 1])], [info("label", T.BOOL, ["rows"]), info("probabilities", T.FLOAT, ["rows", 2])],
    [constant("one", [[1.0]]), constant("zero", [[0.0]]), constant("flat", [-1], np.int64)])

# value = 2 length - mass + 0.5; a missing value stays missing, so that the answer is not a number.
save("regression", [
    h.make_node("Concat", ["length", "mass"], ["features"], axis=1),
    h.make_node("Gemm", ["features", "weights", "bias"], ["column"]),
    h.make_node("Reshape", ["column", "flat"], ["value"]),
], [info("length", T.FLOAT, ["rows", 1]), info("mass", T.FLOAT, ["rows", 1])], [info("value", T.FLOAT, ["rows"])],
    [constant("weights", [[2.0], [-1.0]]), constant("bias", [0.5]), constant("flat", [-1], np.int64)])

# Every element type comes back as it went in.
KINDS = {"float32": T.FLOAT, "float64": T.DOUBLE, "int32": T.INT32, "int64": T.INT64, "bool": T.BOOL, "string": T.STRING, "uint8": T.UINT8}
save("echo", [h.make_node("Identity", [k], [k + "_out"]) for k in KINDS],
     [info(k, v, ["rows", 1]) for k, v in KINDS.items()],
     [info(k + "_out", v, ["rows", 1]) for k, v in KINDS.items()])

# Fails while it runs for any row whose index is neither 0 nor 1.
save("failing", [h.make_node("Gather", ["table", "flat_index"], ["value"]), h.make_node("Reshape", ["index", "flat"], ["flat_index"])][::-1],
     [info("index", T.INT64, ["rows", 1])], [info("value", T.FLOAT, ["rows"])],
     [constant("table", [5.0, 7.0]), constant("flat", [-1], np.int64)])

# The shape is fixed to one row.
save("one-row", [h.make_node("Identity", ["x"], ["value"])], [info("x", T.FLOAT, [1, 1])], [info("value", T.FLOAT, [1, 1])])

# One answer for all rows together.
save("mean", [h.make_node("ReduceMean", ["x"], ["value"], axes=[0], keepdims=1)],
     [info("x", T.FLOAT, ["rows", 1])], [info("value", T.FLOAT, [1, 1])])

# Ten numbers, for measurements.
TEN = [f"x{i}" for i in range(10)]
save("ten-numbers", [
    h.make_node("Concat", TEN, ["features"], axis=1),
    h.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
    h.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    h.make_node("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
    h.make_node("LabelEncoder", ["class"], ["label"], domain=ML, keys_int64s=[0, 1], values_strings=["no", "yes"]),
], [info(n, T.FLOAT, ["rows", 1]) for n in TEN], [info("label", T.STRING, ["rows"]), info("probabilities", T.FLOAT, ["rows", 2])],
    [constant("weights", [[0.01 * i, -0.01 * i] for i in range(10)]), constant("bias", [0.1, -0.1])])

# Every datatype of the Open Inference Protocol comes back as it went in; the shape is free in both dimensions.
DATATYPES = {
    "bool": T.BOOL, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64,
    "int8": T.INT8, "int16": T.INT16, "int32": T.INT32, "int64": T.INT64,
    "fp16": T.FLOAT16, "fp32": T.FLOAT, "fp64": T.DOUBLE, "bf16": T.BFLOAT16, "bytes": T.STRING,
}
for name, kind in DATATYPES.items():
    save("identity-" + name, [h.make_node("Identity", ["x"], ["y"])],
         [info("x", kind, ["rows", "columns"])], [info("y", kind, ["rows", "columns"])])

# Two inputs and two outputs, in names and shapes as the examples of public clients have them.
save("sum-difference", [h.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]), h.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])],
     [info("INPUT0", T.INT32, ["batch", 16]), info("INPUT1", T.INT32, ["batch", 16])],
     [info("OUTPUT0", T.INT32, ["batch", 16]), info("OUTPUT1", T.INT32, ["batch", 16])])

# One text without rows.
save("text", [h.make_node("Identity", ["x"], ["y"])], [info("x", T.STRING, [1])], [info("y", T.STRING, [1])])

# A scalar, and an input whose dimensions are all fixed.
save("scalar", [h.make_node("Identity", ["x"], ["y"])], [info("x", T.FLOAT, [])], [info("y", T.FLOAT, [])])
save("fixed", [h.make_node("Identity", ["x"], ["y"])], [info("x", T.FLOAT, [2, 3])], [info("y", T.FLOAT, [2, 3])])

# 10 numbers a row, for measurements of binary data.
save("matrix", [h.make_node("Gemm", ["x", "weights", "bias"], ["scores"]), h.make_node("Softmax", ["scores"], ["y"], axis=1)],
     [info("x", T.FLOAT, ["rows", 10])], [info("y", T.FLOAT, ["rows", 2])],
     [constant("weights", [[0.01 * i, -0.01 * i] for i in range(10)]), constant("bias", [0.1, -0.1])])

# A row's answer depends on the rows beside it.
save("centered", [
    h.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
    h.make_node("Sub", ["x", "mean"], ["value"]),
], [info("x", T.FLOAT, ["rows", 1])], [info("value", T.FLOAT, ["rows", 1])])

# Each row is the sum of those up to it, so that the first row never shows that others follow.
save("running-sum", [h.make_node("CumSum", ["x", "axis"], ["value"])],
     [info("x", T.FLOAT, ["rows", 1])], [info("value", T.FLOAT, ["rows", 1])], [constant("axis", 0, np.int64)])

# Numbers as bytes and back, by one scale for all rows, as in graphs that are quantized while they run.
save("quantized", [
    h.make_node("DynamicQuantizeLinear", ["x"], ["byte", "scale", "zero"]),
    h.make_node("DequantizeLinear", ["byte", "scale", "zero"], ["y"]),
], [info("x", T.FLOAT, ["rows", 4])], [info("y", T.FLOAT, ["rows", 4])])

# The share of the largest number of all rows, of whole numbers.
save("shares", [
    h.make_node("Cast", ["x"], ["number"], to=T.FLOAT),
    h.make_node("ReduceMax", ["number"], ["largest"], keepdims=0),
    h.make_node("Div", ["number", "largest"], ["y"]),
], [info("x", T.INT64, ["rows", 4])], [info("y", T.FLOAT, ["rows", 4])])

# A table of three by its indexes, and numbers that are added to what stands there.
save("table", [
    h.make_node("Gather", ["places", "index"], ["place"]),
    h.make_node("Cast", ["x"], ["number"], to=T.FLOAT),
    h.make_node("Add", ["place", "number"], ["y"]),
], [info("index", T.INT64, ["rows"]), info("x", T.INT64, ["rows"])], [info("y", T.FLOAT, ["rows"])], [constant("places", [10, 20, 30])])

# Two inputs that have to fit together, by what operators check in different ways.
for name, operator, attributes in [("add", "Add", {}), ("concat", "Concat", {"axis": 1}), ("product", "MatMul", {})]:
    save(name, [h.make_node(operator, ["a", "b"], ["y"], **attributes)],
         [info("a", T.FLOAT, ["rows", "first"]), info("b", T.FLOAT, ["others", "second"])], [info("y", T.FLOAT, ["result", "width"])])

# Three numbers a row whatever comes.
save("threes", [h.make_node("Reshape", ["x", "shape"], ["y"])],
     [info("x", T.FLOAT, ["rows", "columns"])], [info("y", T.FLOAT, ["groups", 3])], [constant("shape", [-1, 3], np.int64)])

# As many zeros as are asked for.
save("zeros", [h.make_node("ConstantOfShape", ["x"], ["y"])], [info("x", T.INT64, ["dimensions"])], [info("y", T.FLOAT, ["size"])])

# Gives the rows below ten, which are all rows until there is another one.
save("below-ten", [
    h.make_node("Less", ["x", "ten"], ["kept"]),
    h.make_node("Compress", ["x", "kept"], ["y"], axis=0),
], [info("x", T.FLOAT, ["rows"])], [info("y", T.FLOAT, ["kept"])], [constant("ten", 10)])

# Gives every row its own number back, by way of 2048 times 2048 weights that the file has as one number: milliseconds a row.
save("slow", [
    h.make_node("ConstantOfShape", ["first_shape"], ["first"], value=h.make_tensor("one", T.FLOAT, [1], [1.0])),
    h.make_node("ConstantOfShape", ["second_shape"], ["second"], value=h.make_tensor("share", T.FLOAT, [1], [1 / 2048])),
    h.make_node("MatMul", ["x", "first"], ["hidden"]),
    h.make_node("MatMul", ["hidden", "second"], ["output"]),
    h.make_node("ReduceMean", ["output"], ["value"], axes=[1], keepdims=0),
], [info("x", T.FLOAT, ["rows", 1])], [info("value", T.FLOAT, ["rows"])],
    [constant("first_shape", [1, 2048], np.int64), constant("second_shape", [2048, 2048], np.int64)])
