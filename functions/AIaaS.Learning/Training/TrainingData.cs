using System.Globalization;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Training;

/// <summary>A run's rows as every trial of it sees them: what is learned from, what is judged by on the way, and what is held out.</summary>
internal sealed record TrainingData
{
    private const int MinimumRows = 10;

    // Below so many numbers a trial is cheap enough to be judged on every row.
    private const int ManyFoldsRows = 5_000;
    private const int FewFoldsRows = 50_000;

    /// <summary>Rows whose target is known, and columns a model can use.</summary>
    public required FeatureTable Table { get; init; }

    public required TrainingTarget Target { get; init; }

    public required HoldoutSplit Split { get; init; }

    /// <summary>The folds of the training rows; row numbers are those of <see cref="Table"/>.</summary>
    public required IReadOnlyList<Fold> Folds { get; init; }

    public required IReadOnlyList<FeatureInput> Inputs { get; init; }

    /// <summary>How much each row of the table counts; null where all count the same.</summary>
    public required double[]? Weights { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Numbers that a model gives for a row: one for each class, or the value.</summary>
    public int Width => Target.Labels?.Count ?? 1;

    /// <summary>The graph output that they are.</summary>
    public string Output => Target.Labels is null ? FeatureInput.Value : FeatureInput.Probabilities;

    /// <summary>The rows that folds validate by, fold after fold, as predictions of a trial are kept.</summary>
    public int[] ValidationRows => [.. Folds.SelectMany(fold => fold.Validation)];

    /// <exception cref="TrainingException">The data or the parameters do not allow a model.</exception>
    public static TrainingData Of(TrainingRequest request)
    {
        var parameters = request.Parameters;
        if (parameters.Holdout is not (> 0 and < 1))
            throw new TrainingException("The holdout share is out of range", $"A holdout of {parameters.Holdout} cannot be judged on; give a share between 0 and 1, such as 0.2.");
        if (request.Target.Rows != request.Features.Rows)
            throw new ArgumentException($"The target has {request.Target.Rows} rows, the features {request.Features.Rows}.", nameof(request));
        if (request.Folds is { } dealt && dealt.Count != request.Features.Rows)
            throw new TrainingException("The split does not fit the data", $"The stored split has {dealt.Count} rows, the data {request.Features.Rows}. Prepare the data again.");

        var selection = FeatureSelection.From(request.Schema, parameters.Target, parameters.Features, parameters.Weights.Column);
        var notes = selection.Notes.ToList();
        var target = TrainingTarget.Of(request.Target, parameters.Task);
        var rows = KnownRows(request, target, notes);
        target = target.Select(rows);
        var table = new FeatureTable(rows.Length, Columns(request, selection, rows, notes));
        var split = (request.Folds is { } folds ? HoldoutSplit.Stored(folds, rows) : null)
            ?? HoldoutSplit.Create(target.Groups, parameters.Holdout, parameters.Seed);
        target.CheckTraining(split.Training);
        CheckSlices(table, parameters);
        return new TrainingData
        {
            Table = table,
            Target = target,
            Split = split,
            Folds = FoldsOf(request, target, rows, split.Training),
            Inputs = FeatureInput.For(table),
            Weights = RowWeights(request, target, rows, split.Training),
            Notes = notes,
        };
    }

    /// <summary>Weights of some rows as a trainer takes them, mean 1; null where all count the same.</summary>
    public float[]? WeightsOf(int[] rows)
    {
        if (Weights is null)
            return null;
        var mean = rows.Average(row => Weights[row]);
        return Array.ConvertAll(rows, row => (float)(Weights[row] / mean));
    }

    /// <summary>Before hours of training, not after them.</summary>
    private static void CheckSlices(FeatureTable table, TrainParameters parameters)
    {
        if (parameters.Evaluate.Slices.FirstOrDefault(name => table.Columns.All(column => column.Name != name)) is { } absent)
        {
            throw new TrainingException(
                "There is no such column",
                $"'evaluate.slices' names '{absent}', which is no feature of the model. Its features are: {string.Join(", ", table.Columns.Select(column => column.Name))}.");
        }
    }

    private static int[] KnownRows(TrainingRequest request, TrainingTarget target, List<string> notes)
    {
        var rows = target.KnownRows;
        if (rows.Length < request.Target.Rows)
        {
            notes.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{request.Target.Rows - rows.Length} rows without a value of '{request.Target.Name}' were left out."));
        }

        return rows.Length >= MinimumRows ? rows : throw new TrainingException("Too few rows", string.Create(
            CultureInfo.InvariantCulture,
            $"{rows.Length} rows have a value of '{request.Target.Name}'; at least {MinimumRows} are needed to train and to judge a model."));
    }

    private static List<FeatureColumn> Columns(TrainingRequest request, FeatureSelection selection, int[] rows, List<string> notes)
    {
        var columns = new List<FeatureColumn>();
        var names = selection.Names.ToHashSet(StringComparer.Ordinal);
        foreach (var column in request.Features.Select(rows).Columns.Where(c => names.Contains(c.Name)))
        {
            if (column is NumberColumn numbers ? numbers.Values.Any(float.IsFinite) : ((TextColumn)column).Values.Any(v => v.Length > 0))
                columns.Add(column);
            else
                notes.Add($"'{column.Name}' was left out: it has no values.");
        }

        return columns.Count > 0 ? columns : throw new TrainingException(
            "No usable features",
            $"No column but '{request.Target.Name}' can be learned from. {string.Join(' ', notes)}");
    }

    private static Fold[] FoldsOf(TrainingRequest request, TrainingTarget target, int[] known, int[] training)
    {
        var asked = request.Parameters.Sweep.Folds ?? training.Length switch
        {
            <= ManyFoldsRows => 5,
            <= FewFoldsRows => 3,
            _ => 1,
        };
        return [.. Resampling.Folds(
            [.. training.Select(row => target.Groups[row])],
            request.Folds is { } stored ? [.. training.Select(row => stored[known[row]])] : null,
            asked,
            request.Parameters.Seed,
            request.Parameters.FoldsInOrder).Select(fold => new Fold(Array.ConvertAll(fold.Training, at => training[at]), Array.ConvertAll(fold.Validation, at => training[at])))];
    }

    private static double[]? RowWeights(TrainingRequest request, TrainingTarget target, int[] known, int[] training)
    {
        var classes = request.Parameters.Weights.Classes is ClassWeights.Balanced && target.Labels is not null ? BalancedWeights(target, training) : null;
        if (request.Weights is null && classes is null)
            return null;
        var weights = new double[known.Length];
        for (var row = 0; row < known.Length; row++)
        {
            double own = request.Weights is { } given ? given[known[row]] : 1;
            if (!double.IsFinite(own) || own <= 0)
            {
                throw new TrainingException(
                    "A weight is not above 0",
                    $"The column '{request.Parameters.Weights.Column}' weights rows; in row {known[row] + 1} it is {own.ToString(CultureInfo.InvariantCulture)}. Weights must be numbers above 0: fill them in, or filter such rows.");
            }

            weights[row] = own * (classes?[target.Groups[row]] ?? 1);
        }

        return weights;
    }

    /// <summary>What each class is weighted by so that all weigh the same.</summary>
    private static Dictionary<int, double> BalancedWeights(TrainingTarget target, int[] training)
    {
        var counts = training.CountBy(row => target.Groups[row]).ToDictionary();
        return counts.ToDictionary(count => count.Key, count => training.Length / ((double)counts.Count * count.Value));
    }
}

/// <param name="Training">Row numbers, ascending.</param>
/// <param name="Validation">Row numbers, ascending; none of the former.</param>
internal sealed record Fold(int[] Training, int[] Validation);
