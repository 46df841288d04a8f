namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Products of matrices.</summary>
internal static class Linear
{
    /// <summary>Matrix product of the last two dimensions; the ones before broadcast. Vectors are not taken: give them a dimension of 1.</summary>
    public static Value MatMul(this Value a, Value b)
    {
        if (a.Shape.Rank < 2 || b.Shape.Rank < 2 || a.Shape[^1] != b.Shape[^2])
            throw new ArgumentException($"Shapes {a.Shape} and {b.Shape} do not multiply.");
        var batch = Shape.Broadcast(Shape.Of(a.Shape.SkipLast(2)), Shape.Of(b.Shape.SkipLast(2)));
        return a.Graph.Apply("MatMul", [a, b], a.Type, [.. batch, a.Shape[^2], b.Shape[^1]]);
    }

    /// <summary><c>alpha · a' · b' + beta · c</c> of matrices, where <c>'</c> is a transposition if asked for.</summary>
    public static Value Gemm(this Value a, Value b, Value? c = null, float alpha = 1, float beta = 1, bool transposeA = false, bool transposeB = false)
    {
        var (rows, inner) = transposeA ? (a.Shape[1], a.Shape[0]) : (a.Shape[0], a.Shape[1]);
        var (innerOfB, columns) = transposeB ? (b.Shape[1], b.Shape[0]) : (b.Shape[0], b.Shape[1]);
        if (inner != innerOfB)
            throw new ArgumentException($"Shapes {a.Shape} and {b.Shape} do not multiply.");
        return a.Graph.Apply(
            "Gemm",
            c is null ? [a, b] : [a, b, c],
            a.Type,
            [rows, columns],
            ("alpha", alpha),
            ("beta", beta),
            ("transA", transposeA ? 1L : 0L),
            ("transB", transposeB ? 1L : 0L));
    }

    /// <summary>Transposes the last two dimensions.</summary>
    public static Value TransposeMatrix(this Value x)
    {
        var order = Enumerable.Range(0, x.Shape.Rank).Select(i => (long)i).ToArray();
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return x.Transpose(order);
    }

    public static Value Transpose(this Value x, params long[] order) =>
        x.Graph.Apply("Transpose", [x], x.Type, Shape.Of(order.Select(i => x.Shape[(int)i])), ("perm", order));
}
