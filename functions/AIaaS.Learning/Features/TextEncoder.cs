using System.Globalization;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Texts as frequencies of terms times the inverse frequency of the rows that have them, each row of length 1: scikit-learn's
/// <c>TfidfVectorizer</c> with its smoothed <c>ln((1 + rows) / (1 + rows with the term)) + 1</c>. Words are of two or more letters, digits
/// or underscores; A to Z are taken in lower case. Terms of a single row are left out where there are others.
/// </summary>
internal sealed class TextEncoder : IFeatureEncoder
{
    /// <summary>Numbers of all training rows that texts may become at most: 256 MB.</summary>
    private const long MostNumbers = 64_000_000;

    private const int FewestTerms = 20;

    /// <summary>No word has it, so no term has it.</summary>
    private const string Padding = " ";

    /// <summary>Terms at most, for all columns.</summary>
    public int MostTerms { get; init; } = 5_000;

    /// <summary>Words of the longest term, 1 to 3.</summary>
    public int TermWords { get; init; } = 2;

    /// <summary>
    /// Whether the terms are kept that tell most of the target (by chi-squared of the rows that have them) and not the most frequent
    /// ones: for trainers that cannot be given many.
    /// </summary>
    public bool ByTarget { get; init; }

    public bool Accepts(FeatureColumn column) => column is TextColumn { Kind: ColumnKind.Text };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context)
    {
        var most = (int)Math.Clamp(MostNumbers / Math.Max(1, columns[0].Rows), FewestTerms, MostTerms) / columns.Count;
        return new Fitted([.. columns.Cast<TextColumn>().Select(column => Fit(column, Math.Max(FewestTerms, most), context.Target))]);
    }

    private FittedColumn Fit(TextColumn column, int most, TrainerTarget target)
    {
        var (classes, count) = ByTarget ? Classes(target) : (null, 0);
        var counts = TermCounts.Of(column.Values, TermWords, classes, count);
        var repeated = counts.Terms.Where(term => term.Rows > 1).ToArray();
        var candidates = repeated.Length > 0 ? repeated : [.. counts.Terms];
        var ofClass = classes is null ? [] : Enumerable.Range(0, count).Select(c => classes.Count(own => own == c)).ToArray();
        var kept = candidates
            .Select(term => (Term: term, Words: counts.WordsOf(term), Score: ByTarget ? ChiSquared(term, ofClass, column.Rows) : term.Occurrences))
            .OrderByDescending(t => t.Score).ThenBy(t => string.Join(' ', t.Words), StringComparer.Ordinal)
            .Take(most)
            .OrderBy(t => t.Words.Length).ThenBy(t => string.Join(' ', t.Words), StringComparer.Ordinal).ToArray();
        return new(
            column.Name,
            [.. kept.Select(t => t.Words)],
            [.. kept.Select(t => (float)(Math.Log((1.0 + column.Rows) / (1.0 + t.Term.Rows)) + 1))],
            candidates.Length);
    }

    private static (int[]? Classes, int Count) Classes(TrainerTarget target)
    {
        if (target is ClassTarget classes)
            return (classes.Rows, classes.Count);
        var numbers = ((NumberTarget)target).Rows;
        var sorted = numbers.Order().ToArray();
        // Whether a term comes with high or with low values.
        var median = sorted[sorted.Length / 2];
        return (Array.ConvertAll(numbers, v => v >= median ? 1 : 0), 2);
    }

    private static double ChiSquared(TermCounts.Term term, int[] rowsOfClass, int rows)
    {
        var sum = 0.0;
        for (var c = 0; c < rowsOfClass.Length; c++)
        {
            var expected = (double)term.Rows * rowsOfClass[c] / rows;
            if (expected > 0)
                sum += (term.RowsOfClass![c] - expected) * (term.RowsOfClass[c] - expected) / expected;
        }

        return sum;
    }

    /// <param name="Name">Of the raw column.</param>
    /// <param name="Terms">By length, then by text.</param>
    /// <param name="Weights">The inverse frequency of each.</param>
    /// <param name="Found">Terms that there were to choose from.</param>
    private sealed record FittedColumn(string Name, IReadOnlyList<string[]> Terms, float[] Weights, int Found);

    private sealed class Fitted(IReadOnlyList<FittedColumn> columns) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. columns.SelectMany(c => c.Terms.Count == 0
                ? [new FeatureSlot($"{c.Name} has no words", c.Name)]
                : c.Terms.Select(term => new FeatureSlot($"{c.Name} has '{string.Join(' ', term)}'", c.Name)))];

        public IReadOnlyList<string> Notes { get; } =
            [.. columns.Where(c => c.Found > c.Terms.Count).Select(c => string.Create(
                CultureInfo.InvariantCulture,
                $"'{c.Name}' has {c.Found} terms in more than one row; {c.Terms.Count} of them are learned from."))];

        public Value Build(IReadOnlyList<Value> inputs) => inputs.Zip(columns, Build).ToArray().Concat(axis: 1);

        private static Value Build(Value input, FittedColumn column)
        {
            if (column.Terms.Count == 0)
                return input.LabelEncode([], [], 0).Cast(TensorElementType.Float);
            // Each row by itself: tokens of several rows would be padded to the longest of them, which is memory without bound.
            var counted = input.ForEachRow(text => text
                .LowerCase().Tokenize(TermCounts.Word, Padding).CountTerms(column.Terms, column.Weights).Reshape([column.Terms.Count]));
            var length = (counted * counted).ReduceSum([1], keepDimensions: true).Sqrt();
            // A row without any term is 0 and stays 0.
            return counted / length.Max(length.Scalar(1e-12));
        }
    }
}
