using System.Globalization;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Categories as codes, for trainers that look categories up: 0 … k - 1 for the k most frequent values of the training rows,
/// k for every other value and k + 1 for missing.
/// </summary>
internal sealed class OrdinalEncoder(int maximumCategories = OrdinalEncoder.MostCategories) : IFeatureEncoder
{
    /// <summary>Values that are told apart unless more are asked for.</summary>
    public const int MostCategories = 254;

    public bool Accepts(FeatureColumn column) => column is TextColumn { Kind: ColumnKind.Category };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) => new Fitted([.. columns.Cast<TextColumn>().Select(Fit)]);

    private FittedColumn Fit(TextColumn column)
    {
        var values = CategoryEncoder.ValuesOf(column);
        return new(column.Name, [.. values.Take(maximumCategories)], values.Count);
    }

    private sealed record FittedColumn(string Name, string[] Categories, int Distinct);

    private sealed class Fitted(IReadOnlyList<FittedColumn> columns) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } = [.. columns.Select(c => new FeatureSlot(c.Name, c.Name, c.Categories.Length + 2))];

        public IReadOnlyList<string> Notes { get; } =
            [.. columns.Where(c => c.Distinct > c.Categories.Length).Select(c => string.Create(
                CultureInfo.InvariantCulture,
                $"'{c.Name}' has {c.Distinct} values; the {c.Categories.Length} most frequent are told apart, the others count as one."))];

        public Value Build(IReadOnlyList<Value> inputs) =>
            inputs.Zip(columns, (input, column) => input
                .LabelEncode(
                    [.. column.Categories, ""],
                    [.. Enumerable.Range(0, column.Categories.Length).Select(i => (long)i), column.Categories.Length + 1],
                    column.Categories.Length)
                .Cast(TensorElementType.Float)).ToArray().Concat(axis: 1);
    }
}
