using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Profiling;

/// <summary>Looks at a table in the light of its target: classes, associations, and columns that tell too much.</summary>
internal sealed class TargetAnalysis(DuckDbConnection connection, PreparedTable table)
{
    /// <summary>Columns that alone do better are suspects.</summary>
    public const double SuspectScore = 0.95;

    /// <summary>With fewer labelled rows, chance alone makes columns that tell everything.</summary>
    private const int FewestRows = 30;

    private const int MostClasses = 100;

    public DataProfile Describe(DataProfile profile, string target, LearningTask task, CancellationToken cancellationToken)
    {
        int at = table.Columns.Select((column, i) => (column, i)).First(pair => pair.column.Name == target).i;
        bool isNumber = task is LearningTask.Regression or LearningTask.Forecasting && table.Columns[at].IsNumeric;
        int[] others = [.. Enumerable.Range(0, table.Columns.Count).Where(i => i != at && IsComparable(profile.Columns[i].Kind))];
        SampleColumn[] columns = [.. others.Prepend(at).Select(i => i == at
            ? new SampleColumn(isNumber ? Invariant($"c{i}::DOUBLE") : Invariant($"c{i}::VARCHAR"), isNumber)
            : Sampled(i, profile.Columns[i]))];

        var described = profile.Columns.ToArray();
        var suspects = new List<LeakageSuspect>();
        SampledColumn? labels = null;
        int next = 0;
        foreach (SampledColumn column in TableSample.Of(connection, table, profile.Rows).Read(columns, cancellationToken))
        {
            if (labels is null)
            {
                labels = column;
                continue;
            }
            int i = others[next++];
            if (profile.Columns[i].Kind != ColumnKind.Identifier)
                described[i] = described[i] with { Association = AssociationOf(column, labels) };
            if (SuspectOf(profile.Columns[i], column, labels) is { } suspect)
                suspects.Add(suspect);
        }
        return profile with
        {
            Columns = described,
            Target = new TargetProfile
            {
                Name = target,
                Task = task,
                Classes = isNumber ? null : ClassesOf(profile.Columns[at], at, cancellationToken),
                LeakageSuspects = [.. suspects.OrderByDescending(suspect => suspect.Score)],
            },
        };
    }

    private static bool IsComparable(ColumnKind kind) => kind is not (ColumnKind.Constant or ColumnKind.Text or ColumnKind.Json or ColumnKind.Image);

    private SampleColumn Sampled(int column, ColumnProfile profile)
    {
        string c = Invariant($"c{column}");
        return profile.Kind is ColumnKind.Number or ColumnKind.Integer or ColumnKind.Datetime
            || (profile.Kind == ColumnKind.Identifier && table.Columns[column].IsNumeric)
                ? new(table.Columns[column].AsDouble(c), IsNumber: true)
                : new($"{c}::VARCHAR", IsNumber: false);
    }

    private static TargetAssociation? AssociationOf(SampledColumn column, SampledColumn target)
    {
        (AssociationMeasure measure, double? value) = (column.IsNumber, target.IsNumber) switch
        {
            (true, true) => (AssociationMeasure.Pearson, Associations.Pearson(column.Numbers, target.Numbers)),
            (true, false) => (AssociationMeasure.CorrelationRatio, Associations.CorrelationRatio(column.Numbers, target.Codes, target.Values.Count)),
            (false, true) => (AssociationMeasure.CorrelationRatio, Associations.CorrelationRatio(target.Numbers, column.Codes, column.Values.Count)),
            _ => (AssociationMeasure.CramersV, Associations.CramersV(column.Codes, column.Values.Count, target.Codes, target.Values.Count)),
        };
        return value is { } known ? new(measure, known) : null;
    }

    private static LeakageSuspect? SuspectOf(ColumnProfile profile, SampledColumn column, SampledColumn target)
    {
        double score = 0;
        if (LabelledRows(target) >= FewestRows)
        {
            score = (target.IsNumber
                ? SingleColumnPredictor.Determination(column, target.Numbers)
                : SingleColumnPredictor.Accuracy(column, target.Codes, target.Values.Count)) ?? 0;
        }
        if (profile.Kind == ColumnKind.Identifier)
        {
            return new(profile.Name, score, score >= SuspectScore
                ? "Different in nearly every row, like a key, and the target follows its order. The column is not used; see that no other repeats that order."
                : "Different in nearly every row, like a key: a model could only learn rows by heart from it. The column is not used.");
        }
        if (score < SuspectScore)
            return null;
        return new(profile.Name, score, Invariant($"Alone it nearly tells the target (a score of {score:0.000} of 1 on rows it was not fitted to). If it is known only after the target is, leave it out."));
    }

    private static int LabelledRows(SampledColumn target)
    {
        int count = 0;
        for (int row = 0; row < target.Rows; row++)
        {
            if (target.IsNumber ? !double.IsNaN(target.Numbers[row]) : target.Codes[row] >= 0)
                count++;
        }
        return count;
    }

    private IReadOnlyList<ValueCount> ClassesOf(ColumnProfile profile, int column, CancellationToken cancellationToken)
    {
        if (profile.TopValues is { } values)
            return values;
        var classes = new List<ValueCount>();
        using DuckDbResult result = connection.Query(
            Invariant($"SELECT c{column}::VARCHAR, count(*) AS n FROM {table.Table} WHERE c{column} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {MostClasses}"), cancellationToken);
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
                classes.Add(new(result.Vector(0).Text(row), result.Vector(1).Int64(row)));
        }
        return classes;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
