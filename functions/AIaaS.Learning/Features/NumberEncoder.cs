using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Numbers, booleans and times: missing and infinite values become the training median (booleans: the more frequent value),
/// then all are brought to one scale; a column with missing values in training adds an indicator of them.
/// </summary>
/// <param name="scaling"><c>Standard</c>, <c>MinMax</c>, <c>Robust</c>, <c>Quantile</c> or <c>Log</c>.</param>
/// <param name="imputation">What else takes the place of missing values; booleans keep to the more frequent one.</param>
internal sealed class NumberEncoder(FeatureEncoding scaling = FeatureEncoding.Standard, Imputation imputation = Imputation.Median) : IFeatureEncoder
{
    /// <summary>In units of the scale: far beyond any use, and near enough that no score overflows.</summary>
    private const double Limit = 1e6;

    /// <summary>Pieces of a distribution function.</summary>
    private const int Quantiles = 64;

    public bool Accepts(FeatureColumn column) =>
        column is NumberColumn { Kind: ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean or ColumnKind.Datetime };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) =>
        new Fitted(scaling, [.. columns.Cast<NumberColumn>().Select(Fit)]);

    private FittedColumn Fit(NumberColumn column)
    {
        var present = column.SortedValues();
        var median = Quantile(present, 0.5);
        var fill = (float)(column.Kind == ColumnKind.Boolean ? present.Length == 0 ? 0 : present[present.Length / 2] : imputation switch
        {
            Imputation.Mean => present.Length == 0 ? 0 : present.Average(v => (double)v),
            Imputation.Zero => 0,
            _ => median,
        });
        var imputed = column.Values.Select(v => Curve(float.IsFinite(v) ? v : fill)).ToArray();
        var (center, spread) = scaling switch
        {
            FeatureEncoding.MinMax => (imputed.Min(), imputed.Max() - imputed.Min()),
            FeatureEncoding.Robust => (median, Quantile(present, 0.75) - Quantile(present, 0.25)),
            FeatureEncoding.Quantile => (0, 1),
            _ => Moments(imputed),
        };
        // Half of the rows have one value: the distance of the quartiles says nothing then.
        if (scaling is FeatureEncoding.Robust && spread == 0)
            (_, spread) = Moments(imputed);
        // A column whose spread is lost in single precision is a constant: it becomes 0, whatever comes later.
        var scale = (float)(1 / spread);
        var isConstant = spread <= Math.Abs(center) * 1e-6 || !float.IsFinite(scale);
        return new(column.Name, fill, (float)center, isConstant ? 0f : scale, present.Length < column.Rows)
        {
            Quantiles = scaling is FeatureEncoding.Quantile && present.Length > 0
                ? [.. Enumerable.Range(0, Quantiles + 1).Select(i => (float)Quantile(present, (double)i / Quantiles))]
                : [],
        };
    }

    private double Curve(double value) => scaling is FeatureEncoding.Log ? Math.CopySign(Math.Log(1 + Math.Abs(value)), value) : value;

    private static (double Mean, double Deviation) Moments(double[] values)
    {
        var mean = values.Average();
        return (mean, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))));
    }

    /// <summary>With a straight line between neighbours, as numpy has it.</summary>
    private static double Quantile(float[] sorted, double share)
    {
        if (sorted.Length == 0)
            return 0;
        var at = share * (sorted.Length - 1);
        var below = (int)at;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((at - below) * ((double)sorted[above] - sorted[below]));
    }

    /// <param name="Name">Of the raw column.</param>
    /// <param name="Fill">What missing values become.</param>
    /// <param name="Center">What is 0 afterwards.</param>
    /// <param name="Scale">What it is multiplied by then.</param>
    /// <param name="HasMissing">Whether training rows had missing values.</param>
    private sealed record FittedColumn(string Name, float Fill, float Center, float Scale, bool HasMissing)
    {
        /// <summary>Values between which equally many training rows lie; empty for other scales.</summary>
        public float[] Quantiles { get; init; } = [];
    }

    private sealed class Fitted(FeatureEncoding scaling, FittedColumn[] columns) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. columns.Select(c => new FeatureSlot(c.Name, c.Name)), .. columns.Where(c => c.HasMissing).Select(c => new FeatureSlot($"{c.Name} is missing", c.Name))];

        public IReadOnlyList<string> Notes => [];

        public Value Build(IReadOnlyList<Value> inputs)
        {
            var graph = inputs[0].Graph;
            var raw = inputs.Concat(axis: 1);
            // Infinity less itself is NaN as well, so one test finds both.
            var missing = (raw - raw).IsNaN();
            var imputed = missing.Where(Row("fills", c => c.Fill), raw);
            var scaled = scaling switch
            {
                FeatureEncoding.Quantile => ByQuantiles(imputed),
                FeatureEncoding.Log => Scale(imputed.Sign() * (imputed.Abs() + 1).Log()),
                _ => Scale(imputed),
            };
            var withIndicator = columns.Index().Where(c => c.Item.HasMissing).Select(c => (long)c.Index).ToArray();
            if (withIndicator.Length == 0)
                return scaled;

            var indicators = missing.Gather(graph.Vector("columns_with_indicator", withIndicator), axis: 1).Cast(TensorElementType.Float);
            return new[] { scaled, indicators }.Concat(axis: 1);

            Value Row(string name, Func<FittedColumn, float> value) => graph.Constant(name, columns.Select(value).ToArray(), columns.Length);

            Value Scale(Value x) => ((x - Row("centers", c => c.Center)) * Row("scales", c => c.Scale)).Clip(-Limit, Limit);
        }

        private Value ByQuantiles(Value imputed) => (columns.Length == 1 ? [imputed] : imputed.Split(1, [.. columns.Select(_ => 1L)]))
            .Zip(columns, ByQuantiles).ToArray().Concat(axis: 1);

        /// <summary>The distribution function in straight pieces; where several of them meet in one value, that value gets the middle of its step.</summary>
        private static Value ByQuantiles(Value imputed, FittedColumn column)
        {
            if (column.Quantiles.Length == 0)
                return imputed * 0;
            var lengths = column.Quantiles.Zip(column.Quantiles.Skip(1), (from, to) => to - from).ToArray();
            var over = imputed - imputed.Graph.Constant("quantiles", column.Quantiles[..^1], lengths.Length);
            var slopes = imputed.Graph.Constant("slopes", lengths.Select(length => length > 0 ? 1 / length : 0).ToArray(), lengths.Length);
            var steps = imputed.Graph.Constant("steps", lengths.Select(length => length > 0 ? 0f : 0.5f).ToArray(), lengths.Length);
            var pieces = (over * slopes).Clip(0, 1) + ((over.Sign() + 1) * steps);
            return pieces.ReduceSum([1], keepDimensions: true) / lengths.Length;
        }
    }
}
