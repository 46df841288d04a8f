using System.Globalization;
using AIaaS.Formats;

namespace AIaaS.Data;

/// <summary>What is to be learned from a data set.</summary>
/// <param name="Target">The target column.</param>
/// <param name="Task">Classification or regression.</param>
/// <param name="Inferred">Whether the target was chosen here and not given.</param>
/// <param name="Findings">What a reader of the quality report should know about the choice.</param>
public sealed record TargetChoice(string Target, LearningTask Task, bool Inferred, IReadOnlyList<QualityFinding> Findings);

/// <summary>Chooses the target column and the task of a data set that nobody described.</summary>
public static class TargetInference
{
    /// <summary>Rows with a target that learning and judging need.</summary>
    public const int FewestRows = 10;

    private const long MostClasses = 1000;

    /// <summary>Names that leave no doubt: such a column is meant even where it cannot be used, and its owner should hear why.</summary>
    private static readonly string[] SureNames = ["target", "label", "labels", "class", "classes", "outcome", "response", "y", "ground_truth"];

    /// <summary>Other names that people give to what they want predicted, the surest first.</summary>
    private static readonly string[] Names =
    [
        "churn", "churned", "species", "survived", "diagnosis", "is_fraud", "fraud", "default", "defaulted", "converted", "clicked", "category",
        "price", "sale_price", "saleprice", "median_house_value",
    ];

    private static readonly string[] Endings = ["_target", "_label", "_class", "_outcome"];

    /// <summary>
    /// Takes the given target, else a column with a conventional name, else a two-valued <c>is_…</c> column, else the last column that
    /// can be learned. Categories, booleans, two-valued numbers and integers of at most 20 values, each 10 times on average, are
    /// classified; other numbers are regressed.
    /// </summary>
    /// <exception cref="DatasetException">Nothing can be learned, with the reason and the remedy.</exception>
    public static TargetChoice Choose(DataSchema schema, DataProfile profile, string? target = null, LearningTask? task = null)
    {
        if (task is not (null or LearningTask.Classification or LearningTask.Regression))
            throw new DatasetException(DatasetReasons.UnusableTarget, $"The task {task} is not learned from a table with a target. Choose classification or regression.");
        if (schema.Columns.Count < 2)
            throw new DatasetException(DatasetReasons.NoFeatures, "The data has one column only. Send at least one column to predict from and one to predict; if there are more, check the delimiter.");

        bool inferred = target is null;
        ColumnProfile column = target is null ? Infer(profile, task) : Given(schema, profile, target);
        long present = column.Count - column.Missing;
        if (Complaint(column) is { } complaint)
            throw complaint;
        if (present < FewestRows)
        {
            throw new DatasetException(DatasetReasons.TooFewRows,
                Invariant($"At least {FewestRows} rows with a value of the target {column.Name} are needed, and the data has {present}. Send more rows."));
        }
        if (!profile.Columns.Any(other => other.Name != column.Name && IsFeature(other)))
            throw new DatasetException(DatasetReasons.NoFeatures, $"Beside the target {column.Name} no column can be learned from: the others are constant, empty or keys. Add columns that say something about {column.Name}.");

        LearningTask chosen = task ?? TaskOf(column);
        if (chosen == LearningTask.Regression && column.Kind is not (ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean))
            throw new DatasetException(DatasetReasons.UnusableTarget, $"The target {column.Name} holds no numbers, so it cannot be regressed. Choose the task classification or another target.");
        if (chosen == LearningTask.Classification && column.Distinct > MostClasses)
            throw new DatasetException(DatasetReasons.UnusableTarget, Invariant($"The target {column.Name} has {column.Distinct} classes; at most {MostClasses} can be learned. Merge classes, or choose another target."));
        return new(column.Name, chosen, inferred, [.. Findings(column, chosen, inferred)]);
    }

    private static ColumnProfile Given(DataSchema schema, DataProfile profile, string target) =>
        profile.Columns.FirstOrDefault(column => column.Name == target)
        ?? profile.Columns.FirstOrDefault(column => column.Name.Equals(target, StringComparison.OrdinalIgnoreCase))
        ?? throw new DatasetException(DatasetReasons.UnknownTarget,
            $"There is no column {target} for the target. The columns are {string.Join(", ", schema.Columns.Take(50).Select(column => column.Name))}{(schema.Columns.Count > 50 ? ", …" : "")}.");

    private static ColumnProfile Infer(DataProfile profile, LearningTask? task)
    {
        if (profile.Rows < FewestRows)
            throw new DatasetException(DatasetReasons.TooFewRows, Invariant($"At least {FewestRows} usable rows are needed, and the data has {profile.Rows}. Send more rows."));
        foreach (string name in SureNames)
        {
            if (profile.Columns.FirstOrDefault(column => column.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } sure)
                return sure;
        }
        ColumnProfile[] usable = [.. profile.Columns.Where(column => Complaint(column) is null && Suits(column, task))];
        if (usable.Length == 0)
        {
            throw new DatasetException(DatasetReasons.NoTarget,
                "No column can be predicted: all are constant, empty, keys, times or free text. Add a column with what is to be predicted.");
        }
        foreach (string name in Names)
        {
            if (usable.FirstOrDefault(column => column.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } named)
                return named;
        }
        return usable.FirstOrDefault(column => Endings.Any(ending => column.Name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
            ?? usable.FirstOrDefault(column => column.Distinct == 2 && column.Name.StartsWith("is_", StringComparison.OrdinalIgnoreCase))
            ?? usable[^1];
    }

    private static bool Suits(ColumnProfile column, LearningTask? task) => task switch
    {
        LearningTask.Regression => column.Kind is ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean,
        LearningTask.Classification => column.Distinct <= MostClasses,
        // Nobody asks to predict one of a thousand names without saying so.
        _ => column.Kind != ColumnKind.Category || column.Distinct <= Math.Max(20, (column.Count - column.Missing) / 10),
    };

    /// <summary>Why a column cannot be a target; null where it can.</summary>
    private static DatasetException? Complaint(ColumnProfile column)
    {
        if (column.Missing == column.Count)
            return new(DatasetReasons.UnusableTarget, $"The target {column.Name} is missing in every row. Fill it in, or choose another target.");
        return column.Kind switch
        {
            ColumnKind.Constant => new(DatasetReasons.OneClass, $"The target {column.Name} has the same value in every row, so there is nothing to learn. Send rows with other values too."),
            ColumnKind.Identifier => new(DatasetReasons.UnusableTarget, $"The target {column.Name} is different in nearly every row, like a key. Choose another target."),
            ColumnKind.Text => new(DatasetReasons.UnusableTarget, $"The target {column.Name} is free text. Choose a column of numbers or categories."),
            ColumnKind.Datetime => new(DatasetReasons.UnusableTarget, $"The target {column.Name} holds times. Choose a column of numbers or categories."),
            ColumnKind.Json => new(DatasetReasons.UnusableTarget, $"The target {column.Name} holds nested JSON. Choose a column of numbers or categories."),
            ColumnKind.Image => new(DatasetReasons.UnusableTarget, $"The target {column.Name} holds images. Choose a column of numbers or categories."),
            _ => null,
        };
    }

    private static bool IsFeature(ColumnProfile column) =>
        column.Missing < column.Count && column.Kind is not (ColumnKind.Constant or ColumnKind.Identifier or ColumnKind.Json);

    /// <summary>What a column is learned as when nobody says.</summary>
    internal static LearningTask TaskOf(ColumnProfile column)
    {
        long present = column.Count - column.Missing;
        return column.Kind switch
        {
            ColumnKind.Number when column.Distinct > 2 => LearningTask.Regression,
            ColumnKind.Integer when column.Distinct > 20 || (column.Distinct > 2 && column.Distinct * 10 > present) => LearningTask.Regression,
            _ => LearningTask.Classification,
        };
    }

    private static IEnumerable<QualityFinding> Findings(ColumnProfile column, LearningTask task, bool inferred)
    {
        if (inferred)
            yield return new(Severity.Information, column.Name, $"Taken as the target of a {(task == LearningTask.Classification ? "classification" : "regression")}, since none was given.");
        if (column.Missing > 0)
            yield return new(Severity.Warning, column.Name, Invariant($"{column.Missing} rows have no target; nothing is learned from them."));
        if (task != LearningTask.Classification || column.TopValues is null)
            yield break;
        foreach (ValueCount value in column.TopValues.Where(value => value.Count == 1))
            yield return new(Severity.Warning, column.Name, $"The class {value.Value} has one row only; it can be learned or judged, but not both.");
        if (column.TopValues is [var most, .., var least] && least.Count * 20 < most.Count)
            yield return new(Severity.Warning, column.Name, Invariant($"The classes are uneven: {most.Value} has {most.Count} rows, {least.Value} {least.Count}."));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
