using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that turn categories into numbers.</summary>
internal static class Encoding
{
    /// <summary>The index that each text has, and <paramref name="absent"/> for any other.</summary>
    public static Value LabelEncode(this Value texts, string[] keys, long[] indices, long absent) =>
        texts.Graph.Apply(
            "LabelEncoder",
            [texts],
            [(TensorElementType.Int64, texts.Shape)],
            GraphBuilder.MachineLearningDomain,
            // An encoder without keys is invalid; all texts are unknown to it.
            ("keys_strings", keys.Length == 0 ? [""] : keys),
            ("values_int64s", keys.Length == 0 ? [absent] : indices),
            ("default_int64", absent))[0];

    /// <summary>1 at the index and 0 elsewhere along a new last axis of this size; all 0 for an index past its end.</summary>
    public static Value OneHot(this Value indices, long depth) =>
        indices.Graph.Apply(
            "OneHot",
            [indices, indices.Graph.Scalar(depth, TensorElementType.Int64), indices.Graph.Constant("off_on", new float[] { 0, 1 }, 2)],
            TensorElementType.Float,
            [.. indices.Shape, depth],
            ("axis", -1L));
}
