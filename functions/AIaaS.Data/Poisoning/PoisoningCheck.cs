using System.Globalization;
using AIaaS.Data.Anomalies;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Poisoning;

/// <summary>Whether the rows that a version adds look as if they were made to mislead.</summary>
/// <remarks>
/// <para>
/// A version is the union of its sources, so most of its rows may be those of the version before: only rows that differ from each of
/// those in a column which both versions have are looked at.
/// </para>
/// <para>
/// Anomalous rows: an isolation forest is grown on one half of a sample of the version before; the other half says which score one
/// row in a hundred exceeds. To a forest a value far beyond all that it was grown on is like those at the edge, and a single one among
/// many columns hardly moves the score, so numbers have a fence as well, see <see cref="Fence"/>. Times are left out: those of new rows
/// are later. Flipped labels: see <see cref="LabelCheck"/>. Both shares are those beyond what the version before shows of itself, and
/// count only where they are beyond chance.
/// </para>
/// <para>Everything is computed on samples of bounded size, chosen by hashes of row numbers: the same rows give the same report.</para>
/// </remarks>
internal static class PoisoningCheck
{
    public const string Anomalous = "anomalous";
    public const string LabelFlip = "label-flip";

    /// <summary>Rows of the version before without which nothing can be said of the new one.</summary>
    private const int FewestBaselineRows = 100;

    /// <summary>New rows of which shares mean something.</summary>
    private const int FewestNewRows = 20;

    private const int MostNewRows = 200_000;
    private const int MostExamples = 20;
    private const double OrdinaryShare = 0.99;

    /// <summary>Standard deviations beyond which a share is taken for more than chance.</summary>
    private const double Chance = 3;

    private const string NewRows = "poisoning_new_rows";
    private const int Seed = 1;

    /// <summary>Holds the table that is being prepared against the version before.</summary>
    /// <param name="context">The table as it will be written.</param>
    /// <param name="profile">Of that table.</param>
    /// <returns>Null where there is no version before (or one of a few rows only), no column in common, or no wish to know.</returns>
    /// <exception cref="DatasetException">The files of the version before cannot be read.</exception>
    public static PoisoningReport? Check(PreparationContext context, DataProfile profile)
    {
        ValidationPlan plan = context.Parameters.Validate;
        if (context.Baseline is not { } baseline || plan.Poisoning == CheckAction.Off)
            return null;
        IReadOnlyList<CommonColumn> common = CommonColumn.Of(baseline, context.Table, profile);
        string? target = context.Parameters.Target ?? profile.Target?.Name;
        CommonColumn? label = common.FirstOrDefault(column => context.Table.Columns[column.Index].Name.Equals(target, StringComparison.OrdinalIgnoreCase));
        CommonColumn[] features = [.. common.Where(column => column != label && column.IsFeature)];
        if (features.Length == 0)
            return null;

        CommonColumn[] read = label is null ? features : [.. features, label];
        var reader = new FeatureReader([.. features.Select((column, i) => FeatureColumn.Of(Feature(i), column.Type, column.IsProse)), .. label is null ? [] : (FeatureColumn[])[Label(label, Feature(features.Length), Task(context, profile, label))]]);
        FeatureRows before = reader.Sample(context.Connection, Before(baseline, read), RowScorer.FittedRows, Seed, learn: true, context.CancellationToken);
        if (before.Count < FewestBaselineRows)
            return null;
        FindNewRows(context, baseline, common);
        FeatureRows added = reader.Sample(context.Connection, Added(context, read), MostNewRows, Seed, learn: false, context.CancellationToken);
        context.Connection.Execute($"DROP TABLE {NewRows}", context.CancellationToken);
        if (added.Count == 0)
            return new() { AnomalousShare = 0, FlippedLabelShare = label is null ? null : 0, Rows = 0, Suspicious = false };

        Shares anomalies = Anomalies(reader, before.Slice(features.Length), added.Slice(features.Length), context.CancellationToken, out float[] scores);
        Shares? flips = label is null ? null : Flips(reader, before, added, context.CancellationToken);
        return new()
        {
            AnomalousShare = anomalies.Excess,
            FlippedLabelShare = flips?.Excess,
            Rows = added.Count,
            Suspicious = anomalies.IsSuspicious(plan.SuspiciousShare) || flips?.IsSuspicious(plan.SuspiciousShare) == true,
            Examples = Examples(anomalies, flips, added, scores),
        };
    }

    private static Shares Anomalies(FeatureReader reader, FeatureRows before, FeatureRows added, CancellationToken cancellationToken, out float[] scores)
    {
        int[] all = [.. Enumerable.Range(0, before.Count)];
        FeatureRows grown = before.Pick([.. all.Where(row => row % 2 == 0)]);
        FeatureRows judged = before.Pick([.. all.Where(row => row % 2 == 1)]);
        RowScorer scorer = RowScorer.Fit(reader, grown, Seed, cancellationToken);
        Fence?[] fences = [.. reader.Columns.Take(before.Columns).Select((column, i) => column.IsCategory ? null : Fence.Around(grown.Column(i)))];

        float[] ordinary = scorer.Score(judged);
        float limit = ordinary.Order().ElementAt((int)(OrdinaryShare * (ordinary.Length - 1)));
        int ordinaryBeyond = Enumerable.Range(0, judged.Count).Count(row => ordinary[row] > limit || IsOutside(fences, judged, row));
        float[] found = scores = scorer.Score(added);
        var beyond = new List<(int Row, bool Outside)>();
        for (int row = 0; row < added.Count; row++)
        {
            bool outside = IsOutside(fences, added, row);
            if (outside || found[row] > limit)
                beyond.Add((row, outside));
        }
        return new(
            [.. beyond.OrderByDescending(item => item.Outside).ThenByDescending(item => found[item.Row]).ThenBy(item => item.Row).Select(item => item.Row)],
            added.Count, (double)ordinaryBeyond / judged.Count, judged.Count);
    }

    private static bool IsOutside(Fence?[] fences, FeatureRows rows, int row)
    {
        for (int column = 0; column < fences.Length; column++)
        {
            if (fences[column]?.Leaves(rows.Column(column)[row]) == true)
                return true;
        }
        return false;
    }

    private static Shares? Flips(FeatureReader reader, FeatureRows before, FeatureRows added, CancellationToken cancellationToken)
    {
        var check = new LabelCheck(reader.Columns, before, cancellationToken);
        if (check.Rows < FewestBaselineRows)
            return null;
        (int rows, IReadOnlyList<int> contradicted) = check.Check(added, cancellationToken);
        return rows == 0 ? null : new(contradicted, rows, check.Share, check.Rows);
    }

    private static List<SuspiciousRow> Examples(Shares anomalies, Shares? flips, FeatureRows added, float[] scores)
    {
        var seen = new HashSet<int>();
        int[] odd = anomalies.Excess > 0 ? [.. anomalies.Rows] : [];
        int[] flipped = flips?.Excess > 0 ? [.. flips.Rows] : [];
        int oddShown = Math.Min(odd.Length, Math.Max(MostExamples / 2, MostExamples - flipped.Length));
        var examples = new List<SuspiciousRow>();
        foreach ((int row, string reason) in odd.Take(oddShown).Select(row => (row, Anomalous)).Concat(flipped.Select(row => (row, LabelFlip))))
        {
            if (examples.Count < MostExamples && seen.Add(row))
                examples.Add(new(added.Numbers[row], scores[row], reason));
        }
        return examples;
    }

    /// <summary>Rows of the new table with none like them in the version before: their rowids, and their numbers in the file that will be written.</summary>
    private static void FindNewRows(PreparationContext context, PreparationBaseline baseline, IReadOnlyList<CommonColumn> common)
    {
        string Hash(bool before) => $"hash({string.Join(", ", common.Select(column => column.Sql(before)))})";
        context.Connection.Execute(
            $"""
            CREATE OR REPLACE TEMP TABLE {NewRows} AS SELECT r, n
            FROM (SELECT rowid AS r, row_number() OVER () - 1 AS n, {Hash(before: false)} AS h FROM {context.Table.Table})
            ANTI JOIN (SELECT {Hash(before: true)} AS h FROM {File(baseline)}) USING (h)
            """, context.CancellationToken);
    }

    private static RowSource Before(PreparationBaseline baseline, CommonColumn[] columns) => new(
        $"(SELECT {string.Join(", ", columns.Select((column, i) => $"{column.Sql(before: true)} AS {Feature(i)}"))}, row_number() OVER () - 1 AS n FROM {File(baseline)})", "n");

    private static RowSource Added(PreparationContext context, CommonColumn[] columns) => new(
        $"(SELECT {string.Join(", ", columns.Select((column, i) => $"{column.Sql(before: false)} AS {Feature(i)}"))}, n FROM {context.Table.Table} AS t JOIN {NewRows} ON t.rowid = r)", "n", Sort: true);

    private static string File(PreparationBaseline baseline) =>
        $"read_parquet({Sql.Literal(Path.GetFullPath(baseline.DataPath))}, hive_partitioning=false)";

    private static string Feature(int i) => string.Create(CultureInfo.InvariantCulture, $"f{i}");

    private static FeatureColumn Label(CommonColumn column, string feature, LearningTask task) => task == LearningTask.Regression
        ? FeatureColumn.Of(feature, column.Type)
        : new($"CASE WHEN {feature} IS NOT NULL THEN hash({feature}) END", IsCategory: true);

    private static LearningTask Task(PreparationContext context, DataProfile profile, CommonColumn label)
    {
        ColumnProfile about = profile.Columns[label.Index];
        LearningTask task = context.Parameters.Task ?? (profile.Target is { } target && target.Name == about.Name ? target.Task : TargetInference.TaskOf(about));
        return label.Type == "VARCHAR" ? LearningTask.Classification : task;
    }

    /// <param name="Rows">The suspicious rows among those looked at, the most suspicious first.</param>
    /// <param name="LookedAt">How many those are.</param>
    /// <param name="Ordinary">Share of the version before that looks the same.</param>
    /// <param name="OrdinaryOf">Of how many rows that was learned.</param>
    private sealed record Shares(IReadOnlyList<int> Rows, int LookedAt, double Ordinary, int OrdinaryOf)
    {
        public double Excess => Math.Max(0, (double)Rows.Count / LookedAt - Ordinary);

        public bool IsSuspicious(double tolerated)
        {
            double expected = Math.Max(Ordinary, 1.0 / OrdinaryOf);
            double deviation = Math.Sqrt(expected * (1 - expected) * (1.0 / LookedAt + 1.0 / OrdinaryOf));
            return LookedAt >= FewestNewRows && Excess > tolerated && Excess > Chance * deviation;
        }
    }
}
