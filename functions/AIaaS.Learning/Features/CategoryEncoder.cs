using System.Globalization;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Features;

/// <summary>
/// Categories as one-hot numbers: one for each of the most frequent values of the training rows,
/// one for every other value, and one for missing where training had missing values.
/// </summary>
internal sealed class CategoryEncoder(int maximumCategories = CategoryEncoder.MostCategories) : IFeatureEncoder
{
    /// <summary>Values that are told apart unless more are asked for.</summary>
    public const int MostCategories = 100;

    public bool Accepts(FeatureColumn column) => column is TextColumn { Kind: ColumnKind.Category };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) => new Fitted([.. columns.Cast<TextColumn>().Select(Fit)]);

    /// <summary>Values of a category by falling frequency.</summary>
    public static IReadOnlyList<string> ValuesOf(TextColumn column) =>
        [.. column.Values.Where(v => v.Length > 0).CountBy(v => v, StringComparer.Ordinal)
            .OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => c.Key)];

    private FittedColumn Fit(TextColumn column)
    {
        var values = ValuesOf(column);
        return new(column.Name, [.. values.Take(maximumCategories).Order(StringComparer.Ordinal)], values.Count, column.Values.Contains(""));
    }

    private sealed record FittedColumn(string Name, string[] Categories, int Distinct, bool HasMissing)
    {
        /// <summary>Where unknown values go: after the known ones, before missing.</summary>
        public int Other => Categories.Length;

        public int Width => Categories.Length + (HasMissing ? 2 : 1);
    }

    private sealed class Fitted(IReadOnlyList<FittedColumn> columns) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. columns.SelectMany(c => ((string[])[
                .. c.Categories.Select(v => $"{c.Name}={v}"),
                $"{c.Name} is another value",
                .. c.HasMissing ? [$"{c.Name} is missing"] : Array.Empty<string>()]).Select(slot => new FeatureSlot(slot, c.Name)))];

        public IReadOnlyList<string> Notes { get; } =
            [.. columns.Where(c => c.Distinct > c.Categories.Length).Select(c => string.Create(
                CultureInfo.InvariantCulture,
                $"'{c.Name}' has {c.Distinct} values; the {c.Categories.Length} most frequent are told apart, the others count as one."))];

        public Value Build(IReadOnlyList<Value> inputs) => inputs.Zip(columns, Build).ToArray().Concat(axis: 1);

        private static Value Build(Value input, FittedColumn column)
        {
            string[] keys = column.HasMissing ? [.. column.Categories, ""] : column.Categories;
            var indices = Enumerable.Range(0, keys.Length).Select(i => (long)(i < column.Other ? i : column.Other + 1)).ToArray();
            var index = input.LabelEncode(keys, indices, column.Other);
            return index.OneHot(column.Width).Reshape([input.Shape[0], column.Width]);
        }
    }
}
