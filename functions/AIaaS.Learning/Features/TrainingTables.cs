using AIaaS.Data;
using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>Reads what a run needs of a prepared data set.</summary>
public static class TrainingTables
{
    // Every query reads the file's footer and binds all of its columns: one for each column takes minutes where there are
    // ten thousand, and one for all of them holds a batch of each at once.
    private const int ColumnsAtOnce = 500;

    // Of a column with more different texts than this, few are of use as categories.
    private const int KnownTexts = 10_000;

    /// <summary>The columns that a model can use, and the target.</summary>
    /// <exception cref="TrainingException">There is no such target, or there are more rows than one model is trained on.</exception>
    public static (FeatureTable Features, TargetColumn Target) Read(PreparedDataset dataset, TrainParameters parameters, CancellationToken cancellationToken)
    {
        var target = dataset.Schema.Columns.FirstOrDefault(c => c.Name == parameters.Target) ?? throw new TrainingException(
            "There is no such target",
            $"The data has no column '{parameters.Target}'. Its columns are: {string.Join(", ", dataset.Schema.Columns.Select(c => c.Name))}.");
        if (dataset.Rows > int.MaxValue)
            throw new TrainingException("Too many rows", $"{dataset.Rows} rows are more than one training takes; sample them first.");

        var used = FeatureSelection.From(dataset.Schema, target.Name, parameters.Features).Names.ToHashSet(StringComparer.Ordinal);
        var columns = dataset.Schema.Columns.Where(c => used.Contains(c.Name)).Chunk(ColumnsAtOnce)
            .SelectMany(some => ReadColumns(dataset, some, cancellationToken)).ToArray();
        return (new FeatureTable((int)dataset.Rows, columns), Target());

        TargetColumn Target() => parameters.Task == LearningTask.Regression && target.Kind is (ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean)
            ? new NumberTargetColumn(target.Name, target.Kind, Array.ConvertAll(dataset.ReadNumbers(target.Name, cancellationToken), v => (double)v))
            : new ClassTargetColumn(target.Name, target.Kind, dataset.ReadTexts(target.Name, cancellationToken));
    }

    private static IEnumerable<FeatureColumn> ReadColumns(PreparedDataset dataset, IReadOnlyList<DataColumn> columns, CancellationToken cancellationToken)
    {
        var numbers = columns.Where(c => c.Kind is not (ColumnKind.Category or ColumnKind.Text)).Select(c => new NumberColumn(c.Name, c.Kind, new float[dataset.Rows])).ToArray();
        var texts = columns.Where(c => c.Kind is ColumnKind.Category or ColumnKind.Text).Select(c => new TextColumn(c.Name, c.Kind, new string[dataset.Rows])).ToArray();
        var known = texts.Select(_ => new Dictionary<string, string>(StringComparer.Ordinal)).ToArray();
        var at = 0;
        foreach (var batch in dataset.ReadBatches([.. numbers.Select(c => c.Name)], [.. texts.Select(c => c.Name)], cancellationToken))
        {
            for (var i = 0; i < numbers.Length; i++)
                batch.Numbers(i).CopyTo(numbers[i].Values.AsSpan(at));
            for (var i = 0; i < texts.Length; i++)
                Share(batch.Texts(i), texts[i].Values.AsSpan(at), known[i]);
            at += batch.Rows;
        }

        var byName = numbers.Concat<FeatureColumn>(texts).ToDictionary(c => c.Name, StringComparer.Ordinal);
        return columns.Select(c => byName[c.Name]);
    }

    /// <summary>Copies texts so that equal ones are one object: a category is repeated in millions of rows.</summary>
    private static void Share(ReadOnlySpan<string> from, Span<string> to, Dictionary<string, string> known)
    {
        for (var row = 0; row < from.Length; row++)
        {
            if (known.TryGetValue(from[row], out var same))
                to[row] = same;
            else if (known.Count < KnownTexts)
                to[row] = known[from[row]] = from[row];
            else
                to[row] = from[row];
        }
    }
}
