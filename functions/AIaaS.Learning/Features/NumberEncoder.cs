using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Numbers, booleans and times: missing and infinite values become the training median (booleans: the more frequent value),
/// then all are standardized; a column with missing values in training adds an indicator of them.
/// </summary>
internal sealed class NumberEncoder : IFeatureEncoder
{
    /// <summary>In standard deviations: far beyond any use, and near enough that no score overflows.</summary>
    private const double Limit = 1e6;

    public bool Accepts(FeatureColumn column) =>
        column is NumberColumn { Kind: ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean or ColumnKind.Datetime };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context)
    {
        var fits = columns.Cast<NumberColumn>().Select(Fit).ToArray();
        return new Fitted(
            [.. fits.Select(f => f.Median)],
            [.. fits.Select(f => f.Mean)],
            [.. fits.Select(f => f.Scale)],
            [.. fits.Index().Where(f => f.Item.HasMissing).Select(f => (long)f.Index)],
            [.. columns.Select(c => c.Name)]);
    }

    private static (float Median, float Mean, float Scale, bool HasMissing) Fit(NumberColumn column)
    {
        var present = column.SortedValues();
        var median = present.Length == 0 ? 0f
            : column.Kind == ColumnKind.Boolean || present.Length % 2 == 1 ? present[present.Length / 2]
            : (float)(((double)present[(present.Length / 2) - 1] + present[present.Length / 2]) / 2);

        var imputed = column.Values.Select(v => float.IsFinite(v) ? (double)v : median).ToArray();
        var mean = imputed.Average();
        var deviation = Math.Sqrt(imputed.Average(v => (v - mean) * (v - mean)));
        // A column whose spread is lost in single precision is a constant: it becomes 0, whatever comes later.
        var scale = (float)(1 / deviation);
        var isConstant = deviation <= Math.Abs(mean) * 1e-6 || !float.IsFinite(scale);
        return (median, (float)mean, isConstant ? 0f : scale, present.Length < column.Rows);
    }

    private sealed class Fitted(float[] medians, float[] means, float[] scales, long[] withIndicator, string[] names) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. names.Select(name => new FeatureSlot(name, name)), .. withIndicator.Select(i => new FeatureSlot($"{names[i]} is missing", names[i]))];

        public IReadOnlyList<string> Notes => [];

        public Value Build(IReadOnlyList<Value> inputs)
        {
            var graph = inputs[0].Graph;
            var raw = inputs.Concat(axis: 1);
            // Infinity less itself is NaN as well, so one test finds both.
            var missing = (raw - raw).IsNaN();
            var imputed = missing.Where(graph.Constant("medians", medians, medians.Length), raw);
            var scaled = (imputed - graph.Constant("means", means, means.Length)) * graph.Constant("scales", scales, scales.Length);
            scaled = scaled.Clip(-Limit, Limit);
            if (withIndicator.Length == 0)
                return scaled;

            var indicators = missing.Gather(graph.Vector("columns_with_indicator", withIndicator), axis: 1).Cast(TensorElementType.Float);
            return new[] { scaled, indicators }.Concat(axis: 1);
        }
    }
}
