using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class LinearRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("MatMul", c =>
        [
            c.Unbroadcast(0, () => c.Gradient.MatMul(c.Input(1).TransposeMatrix())),
            c.Unbroadcast(1, () => c.Input(1).Shape.Rank > 2
                ? c.Input(0).TransposeMatrix().MatMul(c.Gradient)
                // One product adds up over the batch; products for each of it would be written out and summed.
                : Rows(c.Input(0)).Gemm(Rows(c.Gradient), transposeA: true)),
        ]);
        rules.Add("Gemm", c =>
        {
            var (a, b, g) = (c.Input(0), c.Input(1), c.Gradient);
            var alpha = c.Node.Attribute("alpha", 1f);
            var beta = c.Node.Attribute("beta", 1f);
            var transposeA = c.Node.Attribute("transA", 0L) == 1;
            var transposeB = c.Node.Attribute("transB", 0L) == 1;
            return
            [
                !c.Needs(0) ? null
                    : transposeA ? b.Gemm(g, alpha: alpha, transposeA: transposeB, transposeB: true)
                    : g.Gemm(b, alpha: alpha, transposeB: !transposeB),
                !c.Needs(1) ? null
                    : transposeB ? g.Gemm(a, alpha: alpha, transposeA: true, transposeB: transposeA)
                    : a.Gemm(g, alpha: alpha, transposeA: !transposeA),
                .. c.Node.Inputs.Count > 2 ? [c.Unbroadcast(2, () => beta == 1 ? g : g * beta)] : (ReadOnlySpan<Value?>)[],
            ];
        });
        rules.Add("Transpose", c =>
        {
            var order = c.Node.Attribute("perm", Array.Empty<long>());
            return [c.Gradient.Transpose([.. Enumerable.Range(0, order.Length).Select(i => (long)Array.IndexOf(order, i))])];
        });
    }

    private static Value Rows(Value x) => x.Shape.Rank == 2 ? x : x.Flatten(-1);
}
