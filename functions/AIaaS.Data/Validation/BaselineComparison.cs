using System.Globalization;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Data.Profiling;
using AIaaS.Formats;

namespace AIaaS.Data.Validation;

/// <summary>Holds a version's columns and their distributions against the version before.</summary>
internal static class BaselineComparison
{
    private const int MostNamed = 20;
    private const int MostFindings = 50;

    /// <summary>Adds findings to the context; returns the drift of the columns that both versions have, the farthest first.</summary>
    public static IReadOnlyList<ColumnDrift> Compare(PreparationContext context, DataProfile profile)
    {
        if (context.Baseline is not { } baseline)
            return [];
        if (Read<DataSchema>(baseline.SchemaPath) is not { } schema || Read<DataProfile>(baseline.ProfilePath) is not { } before)
        {
            context.Findings.Add(new(Severity.Warning, null, Invariant($"Version {baseline.Version} cannot be read, so this one is not compared with it.")));
            return [];
        }
        var now = context.Table.Columns.Select((column, i) => (column, i)).ToDictionary(pair => pair.column.Name, pair => pair.i, StringComparer.OrdinalIgnoreCase);
        ReportColumns(context, schema, now, baseline.Version);
        return context.Parameters.Validate.Drift == CheckAction.Off ? [] : Drift(context, profile, schema, before, now, baseline);
    }

    private static void ReportColumns(PreparationContext context, DataSchema before, Dictionary<string, int> now, int version)
    {
        var known = before.Columns.Select(column => column.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        Report(Severity.Information, "added", [.. context.Table.Columns.Select(column => column.Name).Where(name => !known.Contains(name))]);
        Report(Severity.Warning, "dropped", [.. before.Columns.Select(column => column.Name).Where(name => !now.ContainsKey(name))]);
        IEnumerable<QualityFinding> retyped = before.Columns
            .Where(column => now.TryGetValue(column.Name, out int i) && context.Table.Columns[i].Type != column.Type)
            .Select(column => new QualityFinding(Severity.Warning, context.Table.Columns[now[column.Name]].Name,
                Invariant($"The column was {column.Type} in version {version} and is {context.Table.Columns[now[column.Name]].Type} now.")));
        AddBounded(context, [.. retyped], "columns changed their type");

        void Report(Severity severity, string what, string[] names)
        {
            if (names.Length > 0)
            {
                context.Findings.Add(new(severity, names.Length == 1 ? names[0] : null, Invariant(
                    $"Compared with version {version}, {names.Length} {(names.Length == 1 ? "column was" : "columns were")} {what}: {string.Join(", ", names.Take(MostNamed))}{(names.Length > MostNamed ? ", …" : "")}.")));
            }
        }
    }

    private static List<ColumnDrift> Drift(
        PreparationContext context, DataProfile profile, DataSchema schema, DataProfile before, Dictionary<string, int> now, PreparationBaseline baseline)
    {
        var profiles = before.Columns.ToDictionary(column => column.Name, StringComparer.Ordinal);
        var compared = new List<ComparedColumn>();
        foreach (DataColumn old in schema.Columns)
        {
            if (old.Kind == ColumnKind.Image || !now.TryGetValue(old.Name, out int i) || context.Table.Columns[i].IsImage || !profiles.TryGetValue(old.Name, out ColumnProfile? about))
                continue;
            var was = new PreparedColumn(old.Name, old.Type, old.Kind == ColumnKind.Json);
            PreparedColumn column = context.Table.Columns[i];
            // Keys count on from version to version; that says nothing.
            bool ordered = ((was.IsNumeric && column.IsNumeric) || (was.IsTime && column.IsTime)) && about.Kind != ColumnKind.Identifier;
            compared.Add(new(i, column, was, ordered, BaselineBins.Of(about, ordered)));
        }

        // One group of columns of each version is in memory at a time.
        using IEnumerator<SampledColumn> columns = TableSample.Of(context.Connection, context.Table, profile.Rows)
            .Read([.. compared.Select(each => Sampled(each.Ordered, Invariant($"c{each.Index}"), each.Now))], context.CancellationToken).GetEnumerator();
        using IEnumerator<SampledColumn> baselineColumns = TableSample.OfParquet(context.Connection, Path.GetFullPath(baseline.DataPath), before.Rows, schema.Columns.Count)
            .Read([.. compared.Where(each => each.Ordered).Select(each => Sampled(asNumber: true, Sql.Identifier(each.Before.Name), each.Before))], context.CancellationToken).GetEnumerator();
        var drift = new List<ColumnDrift>(compared.Count);
        foreach (ComparedColumn each in compared)
        {
            columns.MoveNext();
            double[]? baselineValues = each.Ordered && baselineColumns.MoveNext() ? Present(baselineColumns.Current) : null;
            drift.Add(DriftOf(each, columns.Current, baselineValues, context.Parameters.Validate));
        }
        drift = [.. drift.OrderByDescending(column => column.Drifted).ThenByDescending(column => column.Psi)];
        AddBounded(
            context,
            [.. drift.Where(column => column.Drifted).Select(column => new QualityFinding(Severity.Warning, column.Column, Invariant(
                $"The values are distributed unlike those of version {baseline.Version}: population stability index {column.Psi:0.000}{(column.Ks is { } ks ? Invariant($", Kolmogorov-Smirnov distance {ks:0.000}") : "")}.")))],
            "columns have drifted");
        return drift;
    }

    private static ColumnDrift DriftOf(ComparedColumn column, SampledColumn current, double[]? before, ValidationPlan plan)
    {
        long[] counts = column.Bins.Count(current);
        double psi = DriftMeasures.Psi(column.Bins.Counts, counts);
        bool drifted = psi > Math.Max(plan.Psi, DriftMeasures.PsiByChance(column.Bins.Counts, counts));
        double? ks = null;
        if (before is not null)
        {
            double[] now = Present(current);
            ks = DriftMeasures.Ks(before, now);
            drifted = drifted || ks > Math.Max(plan.Ks, DriftMeasures.KsByChance(before.Length, now.Length));
        }
        // Times move on by themselves: they are measured, and it is no drift.
        return new(column.Now.Name, psi, ks, drifted && !column.Now.IsTime);
    }

    private static double[] Present(SampledColumn column)
    {
        var present = new List<double>(column.Rows);
        foreach (double number in column.Numbers)
        {
            if (!double.IsNaN(number))
                present.Add(number);
        }
        return [.. present];
    }

    private static SampleColumn Sampled(bool asNumber, string name, PreparedColumn column) =>
        new(asNumber ? column.AsDouble(name) : $"{name}::VARCHAR", asNumber);

    private static T? Read<T>(string path)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), JsonDefaults.Options);
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            return null;
        }
    }

    private static void AddBounded(PreparationContext context, IReadOnlyList<QualityFinding> findings, string what)
    {
        context.Findings.AddRange(findings.Take(MostFindings));
        if (findings.Count > MostFindings)
            context.Findings.Add(new(findings[0].Severity, null, Invariant($"{findings.Count} {what}; the first {MostFindings} are named above.")));
    }

    private sealed record ComparedColumn(int Index, PreparedColumn Now, PreparedColumn Before, bool Ordered, BaselineBins Bins);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
