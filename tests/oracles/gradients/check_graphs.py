"""Checks exported graphs with onnx's own checker, its shape inference included: check_graphs.py FOLDER

Needs python3-onnx (1.12). The tests of gradients write their graphs, forward and backward, to the folder that AIAAS_GRADIENT_GRAPHS
names, one of each operator at least:

    AIAAS_GRADIENT_GRAPHS=/tmp/graphs dotnet test tests/AIaaS.Learning.Tests --filter FullyQualifiedName~GradientRuleTests
    /usr/bin/python3 tests/oracles/gradients/check_graphs.py /tmp/graphs
"""

import pathlib
import sys

import onnx

operators, failures = set(), 0
paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
for path in paths:
    model = onnx.load(path)
    operators.update(node.op_type for node in model.graph.node)
    try:
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)], "not of opset 17"
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        failures += 1
        print(f"{path.name}: {error}")

print(f"{len(paths) - failures} of {len(paths)} graphs pass onnx {onnx.__version__}. Operators: {', '.join(sorted(operators))}")
sys.exit(failures > 0 or not paths)
