using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>Every operator that has a rule, at shapes chosen for its corners.</summary>
internal static class GradientCases
{
    /// <summary>Operators whose inputs broadcast.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Value[], Value>> Broadcasting = new Dictionary<string, Func<Value[], Value>>
    {
        ["Add"] = v => v[0] + v[1],
        ["Sub"] = v => v[0] - v[1],
        ["Mul"] = v => v[0] * v[1],
        ["Div"] = v => v[0] / (v[1] + 3),
        ["Pow"] = v => (v[0] + 2).Pow(v[1]),
        ["Max"] = v => v[0].Max(v[1]),
        ["Min"] = v => v[0].Min(v[1]),
        ["Where"] = v => v[0].Greater(v[1]).Where(v[0] * v[0], v[1]),
    };

    public static IReadOnlyList<GradientCase> All { get; } =
    [
        .. Broadcasting.SelectMany(function => new[] { "3x4 | 4", "2x3x4 | 3x1", " | 2x3" }.Select(shapes => new GradientCase(function.Key, shapes, function.Value))),
        .. Elementwise,
        .. Linear,
        .. Reductions,
        .. Shaping,
        .. Indexing,
        .. Convolutions,
        .. Pools,
        .. Normalizations,
    ];

    private static IEnumerable<GradientCase> Elementwise =>
    [
        new("Max of three", "3x4 | 4 | 3x1", v => v[0].Graph.Apply("Max", v, v[0].Type, v[0].Shape)),
        new("Max of equals", "3x4 | 3x4", v => v[0].Max(v[1])) { Ties = true },
        new("Min of equals", "3x4 | 3x4", v => v[0].Min(v[1])) { Ties = true },
        new("Neg", "3x4", v => -v[0]),
        new("Exp", "3x4", v => v[0].Exp()),
        new("Log", "3x4", v => (v[0] + 3).Log()),
        new("Sqrt", "3x4", v => (v[0] + 3).Sqrt()),
        new("Tanh", "3x4", v => v[0].Tanh()),
        new("Sigmoid", "3x4", v => v[0].Sigmoid()),
        new("Relu", "3x4", v => v[0].Relu()) { Batched = [0] },
        new("Relu at zero", "3x4", v => v[0].Relu()) { Ties = true },
        new("LeakyRelu", "3x4", v => v[0].LeakyRelu(0.2f)),
        new("Erf", "3x4", v => v[0].Erf()) { Single = true },
        new("Gelu", "3x4", v => v[0].Gelu()) { Single = true },
        new("Clip", "3x4", v => v[0].Clip(-0.7, 0.5)) { Batched = [0] },
        new("Clip at the bounds", "3x4", v => v[0].Clip(-0.5, 0.5)) { Ties = true },
        new("Clip with learned bounds", "3x4 | |", v => v[0].Clip(v[1].Tanh() - 1, v[2].Sigmoid())),
        new("Clip from above", "3x4 |", v => v[0].Clip(null, v[1])),
        new("Dropout by a mask", "3x4 | 3x4", v => v[0].Dropout(v[1]).Exp()),
        new("Dropout that serves", "3x4", v => v[0].Graph.Apply("Dropout", [v[0].Exp()], v[0].Type, v[0].Shape)),
        new("Identity", "3", v => v[0].Graph.Apply("Identity", [v[0]], v[0].Type, v[0].Shape).Exp()),
        new("Cast", "3", v => v[0].Exp().Cast(TensorElementType.Double).Exp().Cast(v[0].Type)),
        new("Cast to integers", "3", v => v[0].Cast(TensorElementType.Int64).Cast(v[0].Type) * v[0]),
        new("A value used twice", "3x4", v => (v[0] * v[0].Exp()) + (v[0] / 2)),
    ];

    private static IEnumerable<GradientCase> Linear =>
    [
        new("MatMul", "3x4 | 4x2", v => v[0].MatMul(v[1])) { Batched = [0] },
        new("MatMul of a batch with a matrix", "2x3x4 | 4x2", v => v[0].MatMul(v[1])) { Batched = [0] },
        new("MatMul of a matrix with a batch", "3x4 | 5x4x2", v => v[0].MatMul(v[1])) { Batched = [1] },
        new("MatMul of batches", "2x1x3x4 | 5x4x2", v => v[0].MatMul(v[1])),
        new("Gemm", "3x4 | 4x2 | 2", v => v[0].Gemm(v[1], v[2], alpha: 0.7f, beta: 1.3f)) { Batched = [0] },
        new("Gemm with a column", "3x4 | 4x2 | 3x1", v => v[0].Gemm(v[1], v[2], alpha: 0.7f, beta: 1.3f)),
        new("Gemm with both transposed", "4x3 | 2x4 | 1", v => v[0].Gemm(v[1], v[2], alpha: 0.7f, transposeA: true, transposeB: true)),
        new("Gemm with the first transposed", "4x3 | 4x2", v => v[0].Gemm(v[1], alpha: 0.7f, transposeA: true)),
        new("Gemm with the second transposed", "3x4 | 2x4", v => v[0].Gemm(v[1], transposeB: true)),
        new("Transpose", "3x4", v => v[0].Transpose(1, 0).Exp()),
        new("Transpose of three axes", "2x3x4", v => v[0].Transpose(2, 0, 1).Exp()) { Batched = [0] },
    ];

    private static IEnumerable<GradientCase> Reductions =>
    [
        new("Softmax", "3x4", v => v[0].Softmax()),
        new("Softmax along the first axis", "3x4", v => v[0].Softmax(0)),
        new("LogSoftmax", "2x3x4", v => v[0].LogSoftmax()) { Batched = [0] },
        new("LogSoftmax along the first axis", "3x4", v => v[0].LogSoftmax(0)),
        new("ReduceSum", "3x4x2", v => v[0].ReduceSum([1]).Exp()) { Batched = [0] },
        new("ReduceSum of all", "3x4", v => v[0].ReduceSum() * v[0].ReduceSum()),
        new("ReduceSum kept", "3x4", v => v[0].ReduceSum([0], keepDimensions: true) * v[0]),
        new("ReduceMean", "3x4", v => v[0].ReduceMean([0]).Exp()) { Batched = [0] },
        new("ReduceMean of all", "3x4", v => v[0].ReduceMean().Exp()) { Batched = [0] },
        new("ReduceMean kept", "3x4", v => v[0].ReduceMean([-1], keepDimensions: true) * v[0]),
        new("ReduceMax", "3x4x2", v => v[0].ReduceMax([1]).Exp()) { Batched = [0] },
        new("ReduceMax of all", "3x4", v => v[0].ReduceMax() * v[0]),
        new("ReduceMax kept", "3x4x2", v => v[0].ReduceMax([0, -1], keepDimensions: true) * v[0]),
        new("ReduceMax of equals", "3x8", v => v[0].ReduceMax([1])) { Ties = true },
    ];

    private static IEnumerable<GradientCase> Shaping =>
    [
        new("Reshape", "3x4", v => v[0].Reshape([2, 6]).Exp()),
        new("Flatten", "2x3x2", v => v[0].Flatten().Exp()) { Batched = [0] },
        new("Flatten at the last axis", "2x3x2", v => v[0].Flatten(-1).Exp()) { Batched = [0] },
        new("Squeeze", "3x1x2x1", v => v[0].Squeeze(1, -1).Exp()) { Batched = [0] },
        new("Unsqueeze", "3x4", v => v[0].Unsqueeze(1).Exp()) { Batched = [0] },
        new("Expand", "3x1", v => v[0].Expand([2, 3, 4]).Exp()),
        new("Expand in front", "4", v => v[0].Expand([2, 3, 4]).Exp()),
        new("Expand like another", "1x4 | 2x3x4", v => v[0].ExpandLike(v[1]) * v[1]) { Batched = [1] },
        new("Concat", "3x1 | 3x2 | 3x3", v => v.Concat(1) * v.Concat(1)) { Batched = [0, 1, 2] },
        new("Concat at the end", "2x1x2 | 2x1x3", v => v.Concat(-1).Exp()),
        new("Split", "3x3", v => v[0].Split(1, 1, 2) is var parts ? parts[0] * parts[1] : parts[0]) { Batched = [0] },
        new("Split of which a part is used", "5x2", v => v[0].Split(0, 2, 3)[1].Exp()),
        new("Pad", "2x3", v => v[0].Pad(0, 1, 0, 2).Exp()) { Batched = [0] },
        new("Pad on two axes", "2x3", v => v[0].Pad(1, 0, 0, 1).Exp()),
    ];

    private static IEnumerable<GradientCase> Indexing =>
    [
        new("Slice", "4x5", v => v[0].Slice(1, 1, -1).Exp()) { Batched = [0] },
        new("Slice of two axes", "4x5x2", v => v[0].Slice(new AxisRange(0, -3, 100), new AxisRange(1, 0, 2)).Exp()),
        new("Slice of every second", "2x6", v => v[0].Slice(1, 1, 6, 2).Exp()) { Batched = [0] },
        new("Slice backwards", "2x7", v => v[0].Slice(1, 5, -8, -2).Exp()) { Batched = [0] },
        new("Slice of nothing", "3x4", v => new[] { v[0].Slice(1, 2, 2), v[0] }.Concat(1).Exp()),
        new("Gather", "3x4", v => v[0].Gather(Indices(v[0], [2, 0, 2, -1, 2], 5), 0).Exp()),
        new("Gather of a column", "3x4", v => v[0].Gather(Indices(v[0], [2]), 1).Exp()) { Batched = [0] },
        new("Gather in a table", "2x4x3", v => v[0].Gather(Indices(v[0], [3, 1, 1, 0, -1, 3], 2, 3), 1).Exp()) { Batched = [0] },
        new("GatherND", "3x4", v => v[0].GatherND(Indices(v[0], [2, 0, 0, -1, 2, 0], 3, 2)).Exp()),
        new("GatherND of rows", "3x4", v => v[0].GatherND(Indices(v[0], [2, 0, -1], 3, 1)).Exp()) { Batched = [0] },
        new("GatherND of parts", "2x3x2", v => v[0].GatherND(Indices(v[0], [1, -1, 0, 0, 1, 2, 0, 0], 2, 2, 2)).Exp()),
        new("ScatterND", "4x3 | 2x3", v => v[0].ScatterND(Indices(v[0], [3, 1], 2, 1), v[1]).Exp()) { Batched = [0] },
        new("ScatterND of elements", "2x3 | 3", v => v[0].ScatterND(Indices(v[0], [1, 1, 0, 0, 1, -1], 3, 2), v[1]).Exp()),
        new("ScatterND that adds", "4x3 | 3x3", v => v[0].Graph.Apply("ScatterND", [v[0], Indices(v[0], [3, 1, 3], 3, 1), v[1]], v[0].Type, v[0].Shape, ("reduction", "add")).Exp()),
    ];

    private static IEnumerable<GradientCase> Convolutions =>
    [
        Single("Conv", "2x3x5x6 | 4x3x3x3 | 4", v => v[0].Conv(v[1], v[2], Window.Square(3, padding: 1))) with { Batched = [0] },
        Single("Conv of one channel", "2x1x5x5 | 2x1x3x2", v => v[0].Conv(v[1])),
        Single("Conv of many channels", "2x9x4x5 | 3x9x3x2 | 3", v => v[0].Conv(v[1], v[2])) with { Batched = [0] },
        Single("Conv in steps", "2x9x6x7 | 3x9x3x3", v => v[0].Conv(v[1], window: Window.Square(3, stride: 2, padding: 1))) with { Batched = [0] },
        Single("Conv in steps that leave an end", "2x2x6x8 | 3x2x3x3", v => v[0].Conv(v[1], window: new(3, 3) { Strides = [3, 2], Pads = [1, 0, 0, 2] })) with { Batched = [0] },
        Single("Conv with dilation", "1x2x7x7 | 2x2x3x3", v => v[0].Conv(v[1], window: Window.Square(3, padding: 2, dilation: 2))),
        Single("Conv in groups", "2x4x5x5 | 6x2x3x3 | 6", v => v[0].Conv(v[1], v[2], Window.Square(3, stride: 2, padding: 1), groups: 2)) with { Batched = [0] },
        Single("Conv for each channel", "2x3x5x5 | 3x1x3x3", v => v[0].Conv(v[1], window: Window.Square(3, padding: 1), groups: 3)),
        Single("Conv of single elements", "2x9x3x3 | 4x9x1x1", v => v[0].Conv(v[1])) with { Batched = [0] },
        Single("Conv along one axis", "2x3x8 | 4x3x3 | 4", v => v[0].Conv(v[1], v[2], new(3) { Strides = [2], Pads = [1, 0] })),
        Single("Conv along three axes", "1x2x3x4x4 | 2x2x2x3x2", v => v[0].Conv(v[1], window: new(2, 3, 2) { Pads = [1, 0, 1, 0, 1, 0] })),
        Single("ConvTranspose", "2x3x4x4 | 3x2x3x3 | 2", v => v[0].ConvTranspose(v[1], v[2], Window.Square(3, padding: 1))) with { Batched = [0] },
        Single("ConvTranspose in steps", "2x3x3x4 | 3x9x3x3", v => v[0].ConvTranspose(v[1], window: Window.Square(3, stride: 2, padding: 1), beyond: [1, 0])) with { Batched = [0] },
        Single("ConvTranspose in groups", "2x4x3x3 | 4x3x2x2 | 6", v => v[0].ConvTranspose(v[1], v[2], Window.Square(2, stride: 2), groups: 2)),
        Single("ConvTranspose with dilation", "1x2x3x3 | 2x2x2x2", v => v[0].ConvTranspose(v[1], window: Window.Square(2, dilation: 2))),
    ];

    private static IEnumerable<GradientCase> Pools =>
    [
        new("MaxPool", "2x3x4x6", v => v[0].MaxPool(Window.Square(2, stride: 2)).Exp()) { Batched = [0] },
        new("MaxPool with windows that overlap", "2x2x5x5", v => v[0].MaxPool(Window.Square(3, stride: 2, padding: 1)).Exp()) { Batched = [0] },
        new("MaxPool with dilation", "1x2x6x6", v => v[0].MaxPool(new(2, 3) { Dilations = [2, 1], Pads = [0, 1, 1, 0] })),
        new("MaxPool along one axis", "2x3x7", v => v[0].MaxPool(new(3) { Strides = [2] })),
        new("MaxPool of equals", "2x2x4x6", v => v[0].MaxPool(Window.Square(2, stride: 2))) { Ties = true },
        Single("AveragePool", "2x3x4x6", v => v[0].AveragePool(Window.Square(2, stride: 2))) with { Batched = [0] },
        Single("AveragePool with windows that overlap", "2x2x5x6", v => v[0].AveragePool(Window.Square(3, stride: 2, padding: 1))) with { Batched = [0] },
        Single("AveragePool that counts pads", "2x2x5x6", v => v[0].AveragePool(Window.Square(3, stride: 2, padding: 1), countsPads: true)),
        Single("AveragePool along one axis", "2x3x7", v => v[0].AveragePool(new(3) { Strides = [2], Pads = [1, 1] })),
        Single("GlobalAveragePool", "2x3x4x5", v => v[0].GlobalAveragePool().Exp()) with { Batched = [0] },
    ];

    private static IEnumerable<GradientCase> Normalizations =>
    [
        new("BatchNormalization", "3x2x2x3 | 2 | 2", v => v[0].BatchNormalize(v[1], v[2]).Result.Exp()) { Batched = [0] },
        new("BatchNormalization of a matrix", "5x3 | 3 | 3", v => v[0].BatchNormalize(v[1], v[2]).Result.Exp()) { Batched = [0] },
        // Averages are written over those that came in, so these must be values of the graph's own.
        new("BatchNormalization in its mode for training", "3x2x4 | 2 | 2 | 2 | 2", v => v[0].Graph.Apply(
            "BatchNormalization",
            [v[0], v[1], v[2], v[3].Exp(), v[4].Exp()],
            [(v[0].Type, v[0].Shape), (v[0].Type, v[3].Shape), (v[0].Type, v[4].Shape)],
            attributes: ("training_mode", 1L))[0].Exp() + (v[3] * v[4]).ReduceSum()),
        new("BatchNormalization that serves", "3x2x2x3 | 2 | 2 | 2 | 2", v => v[0].BatchNormalize(v[1], v[2], v[3], v[4] + 3).Exp()) { Batched = [0] },
        new("LayerNormalization", "3x4 | 4 | 4", v => v[0].LayerNormalize(v[1], v[2]).Exp()) { Batched = [0] },
        new("LayerNormalization of two axes", "2x3x4 | 3x4 | 4", v => v[0].LayerNormalize(v[1], v[2], axis: 1).Exp()) { Batched = [0] },
        new("LayerNormalization without a shift", "2x3x4 | 4", v => v[0].LayerNormalize(v[1], epsilon: 0.1f).Exp()),
    ];

    private static GradientCase Single(string name, string shapes, Func<Value[], Value> function) => new(name, shapes, function) { Single = true };

    private static Value Indices(Value of, long[] indices, params long[] dimensions) => of.Graph.Constant("indices", indices, dimensions);
}
