using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Features;

/// <summary>
/// Categories as what the target is on average for their training rows, drawn towards the average of all rows the fewer rows
/// there are (Micci-Barreca 2001), by Bühlmann's credibility: the number of rows at which both count the same is the variance
/// within categories over the variance between them. Of two classes it is the share of the second, of more a number for each class.
/// Training rows are given averages over other rows than themselves: else a category of one row would tell its target.
/// </summary>
/// <param name="moreThan">Takes columns of more different values than this.</param>
internal sealed class TargetEncoder(int moreThan = 0) : IFeatureEncoder
{
    private const int Folds = 5;
    private const int MostCategories = 50_000;
    private const long FoldsStream = 0x7461_7267_6574;

    public bool Accepts(FeatureColumn column) => column is TextColumn { Kind: ColumnKind.Category } texts && HasMore(texts.Values);

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context)
    {
        var targets = Targets(context.Target);
        var folds = FoldsOf(columns[0].Rows, context.Seed);
        return new Fitted([.. columns.Cast<TextColumn>().Select(column => Fit(column, targets, folds))]);
    }

    private bool HasMore(string[] values)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            if (seen.Add(value) && seen.Count > moreThan)
                return true;
        }

        return false;
    }

    /// <summary>For each number that a category is told by, the target of every row.</summary>
    private static (string Name, double[] Rows)[] Targets(TrainerTarget target) => target switch
    {
        NumberTarget numbers => [("mean", numbers.Rows)],
        ClassTarget { Count: 2 } classes => [("share", Share(classes, 1))],
        ClassTarget classes => [.. Enumerable.Range(0, classes.Count).Select(c => (FormattableString.Invariant($"share of class {c}"), Share(classes, c)))],
        _ => throw new ArgumentException($"No averages of a {target.GetType().Name}.", nameof(target)),
    };

    private static double[] Share(ClassTarget classes, int of) => Array.ConvertAll(classes.Rows, c => c == of ? 1.0 : 0.0);

    private static int[] FoldsOf(int rows, long seed)
    {
        var folds = new int[rows];
        foreach (var (place, row) in new CounterGenerator(seed, FoldsStream).Permutation(rows).Index())
            folds[row] = place % Folds;
        return folds;
    }

    private static FittedColumn Fit(TextColumn column, (string Name, double[] Rows)[] targets, int[] folds)
    {
        var categories = CategoryEncoder.ValuesOf(column).Take(MostCategories).ToArray();
        if (column.Values.Contains(""))
            categories = [.. categories, ""];
        var codes = categories.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal);
        var rows = Array.ConvertAll(column.Values, value => codes.GetValueOrDefault(value, categories.Length));
        var width = targets.Length;
        var table = new float[(categories.Length + 1) * width];
        var training = new float[rows.Length * width];
        foreach (var (place, (_, target)) in targets.Index())
        {
            var whole = CategoryAverages.Of(rows, target, categories.Length, _ => true);
            var apart = Enumerable.Range(0, Folds).Select(fold => CategoryAverages.Of(rows, target, categories.Length, row => folds[row] != fold)).ToArray();
            // One scale for averages of any target, so that trainers that want one get it.
            var encoded = rows.Select((code, row) => apart[folds[row]].Values[code]).ToArray();
            var mean = encoded.Average();
            var deviation = Math.Sqrt(encoded.Average(v => (v - mean) * (v - mean)));
            var scale = deviation > Math.Abs(mean) * 1e-9 ? 1 / deviation : 0;
            for (var row = 0; row < rows.Length; row++)
                training[(row * width) + place] = (float)((encoded[row] - mean) * scale);
            for (var code = 0; code <= categories.Length; code++)
                table[(code * width) + place] = (float)((whole.Values[code] - mean) * scale);
        }

        return new(column.Name, [.. targets.Select(t => t.Name)], categories, table, training);
    }

    /// <param name="Name">Of the raw column.</param>
    /// <param name="Targets">What each number is an average of.</param>
    /// <param name="Categories">Known categories.</param>
    /// <param name="Table">A row of numbers for each category, and one for any other.</param>
    /// <param name="Training">The numbers of the training rows.</param>
    private sealed record FittedColumn(string Name, string[] Targets, string[] Categories, float[] Table, float[] Training);

    private sealed class Fitted(IReadOnlyList<FittedColumn> columns) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. columns.SelectMany(c => c.Targets.Select(target => new FeatureSlot($"{target} by {c.Name}", c.Name)))];

        public IReadOnlyList<string> Notes => [];

        public float[]? TrainingValues()
        {
            var rows = columns[0].Training.Length / columns[0].Targets.Length;
            var values = new float[rows * Slots.Count];
            var at = 0;
            foreach (var column in columns)
            {
                var width = column.Targets.Length;
                for (var row = 0; row < rows; row++)
                    column.Training.AsSpan(row * width, width).CopyTo(values.AsSpan((row * Slots.Count) + at));
                at += width;
            }

            return values;
        }

        public Value Build(IReadOnlyList<Value> inputs) => inputs.Zip(columns, Build).ToArray().Concat(axis: 1);

        private static Value Build(Value input, FittedColumn column)
        {
            long[] codes = [.. Enumerable.Range(0, column.Categories.Length).Select(i => (long)i)];
            var code = input.LabelEncode(column.Categories, codes, column.Categories.Length);
            return input.Graph.Constant("averages", column.Table, column.Categories.Length + 1, column.Targets.Length)
                .Gather(code.Reshape([input.Shape[0]]), axis: 0);
        }
    }
}
