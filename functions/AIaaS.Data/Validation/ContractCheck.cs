using System.Globalization;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Validation;

/// <summary>Counts where a table breaks a contract. What the profile already tells is not asked of the table again.</summary>
internal sealed class ContractCheck(PreparationContext context, DataProfile profile)
{
    private const int Batch = 200;
    private const int MostExamples = 5;
    private const int MostExampleQueries = 50;
    private const int LongestExample = 60;

    private readonly List<ContractViolation> _violations = [];
    private readonly List<RowPromise> _promises = [];
    private int _exampleQueries;

    /// <summary>Errors first, each in the order of the contract's columns.</summary>
    public IReadOnlyList<ContractViolation> Check(DataContract contract)
    {
        var indexes = context.Table.Columns.Select((column, i) => (column, i)).ToDictionary(pair => pair.column.Name, pair => pair.i, StringComparer.OrdinalIgnoreCase);
        foreach (ColumnContract column in contract.Columns)
        {
            if (indexes.TryGetValue(column.Name, out int i))
                CheckColumn(column, i);
            else if (column.Required)
                Add(ContractBreach.ColumnMissing, Severity.Error, column.Name, 0, "The column is not in the data.");
        }
        var known = contract.Columns.Select(column => column.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (contract.Closed)
        {
            foreach (PreparedColumn column in context.Table.Columns.Where(column => !known.Contains(column.Name)))
                Add(ContractBreach.ColumnAdded, Severity.Error, column.Name, 0, "The contract knows no such column, and allows no others.");
        }
        CheckPromises();
        CheckKey(contract, indexes);
        return [.. _violations.OrderByDescending(violation => violation.Severity)];
    }

    private void CheckColumn(ColumnContract contract, int i)
    {
        ColumnProfile about = profile.Columns[i];
        PreparedColumn column = context.Table.Columns[i];
        long present = about.Count - about.Missing;
        if (contract.Kind is { } kind && kind != about.Kind && about.Kind != ColumnKind.Constant)
        {
            bool similar = Family(kind, column) == Family(about.Kind, column);
            Add(ContractBreach.KindChanged, similar ? Severity.Warning : Severity.Error, about.Name, 0,
                $"The contract promises {Word(kind)}, and the data holds {Word(about.Kind)}.");
        }
        if (contract.MaximumMissing is { } most && about.Missing > most * about.Count)
        {
            Add(ContractBreach.ValuesMissing, Severity.Error, about.Name, about.Missing,
                Invariant($"{(double)about.Missing / about.Count:P1} of the values are missing; at most {most:P1} may be."));
        }
        if (present == 0)
            return;
        AddRange(contract, i, about, column);
        if (contract.AllowedValues is { } allowed && !AllAllowed(about, column, allowed))
        {
            string list = AllowedList(column, allowed);
            _promises.Add(new(ContractBreach.NotAllowed, about.Name, i, list.Length == 0 ? $"c{i} IS NOT NULL" : $"c{i} NOT IN ({list})", "not allowed"));
        }
        if (contract.Unique && (about.DistinctIsApproximate || about.Distinct < present))
            CountRepeats([i], about.Name);
    }

    private void AddRange(ColumnContract contract, int i, ColumnProfile about, PreparedColumn column)
    {
        (string? low, bool lowBroken) = Bound(contract.Minimum, about.Min, column, about.Name, "minimum", sign: -1);
        (string? high, bool highBroken) = Bound(contract.Maximum, about.Max, column, about.Name, "maximum", sign: 1);
        if (!lowBroken && !highBroken)
            return;
        string predicate = string.Join(" OR ", new[] { low is null ? null : $"c{i} < {low}", high is null ? null : $"c{i} > {high}" }.Where(part => part is not null));
        string words = (contract.Minimum, contract.Maximum) switch
        {
            ({ } least, { } most) => $"outside {least} to {most}",
            ({ } least, null) => $"below {least}",
            (_, { } most) => $"above {most}",
            _ => "",
        };
        _promises.Add(new(ContractBreach.OutOfRange, about.Name, i, predicate, words));
    }

    /// <summary>A bound in SQL, and whether the profile's extreme is beyond it.</summary>
    private (string? Sql, bool Broken) Bound(JsonElement? bound, JsonElement? extreme, PreparedColumn column, string name, string what, int sign)
    {
        if (bound is not { } value)
            return default;
        if (column.IsNumeric && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number))
            return (Invariant($"{number:R}::DOUBLE"), extreme is { } seen && sign * (seen.GetDouble() - number) > 0);
        if (column.IsTime && value.ValueKind == JsonValueKind.String
            && DateTime.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime time))
        {
            bool broken = extreme is { } seen && sign * seen.GetDateTime().ToUniversalTime().CompareTo(time) > 0;
            return ($"TIMESTAMP {Sql.Literal(time.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture))}", broken);
        }
        context.Findings.Add(new(Severity.Warning, name, $"The contract's {what} of the column cannot be compared with its values; it is not checked."));
        return default;
    }

    private static bool AllAllowed(ColumnProfile about, PreparedColumn column, IReadOnlyList<string> allowed)
    {
        // Long values are cut in the profile, and numbers may be written in several ways.
        if (column.IsNumeric || about.DistinctIsApproximate || about.TopValues is not { } values || values.Count != about.Distinct || about.Lengths?.Maximum > 200)
            return false;
        var set = allowed.ToHashSet(StringComparer.Ordinal);
        return values.All(value => set.Contains(value.Value));
    }

    private static string AllowedList(PreparedColumn column, IReadOnlyList<string> allowed)
    {
        if (!column.IsNumeric)
            return string.Join(", ", allowed.Select(value => column.Type == "VARCHAR" ? Sql.Literal(value) : $"TRY_CAST({Sql.Literal(value)} AS {column.Type})"));
        return string.Join(", ", allowed
            .Where(value => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
            .Select(value => Invariant($"{double.Parse(value, CultureInfo.InvariantCulture):R}::DOUBLE")));
    }

    private void CheckPromises()
    {
        foreach (RowPromise[] batch in _promises.Chunk(Batch))
        {
            long[] counts = new long[batch.Length];
            using (DuckDbResult result = context.Connection.Query(
                $"SELECT {string.Join(", ", batch.Select(promise => $"count(*) FILTER ({promise.Predicate})"))} FROM {context.Table.Table}", context.CancellationToken))
            {
                result.Read();
                for (int i = 0; i < batch.Length; i++)
                    counts[i] = result.Vector(i).Int64(0);
            }
            for (int i = 0; i < batch.Length; i++)
            {
                if (counts[i] > 0)
                    Add(batch[i].Breach, Severity.Error, batch[i].Name, counts[i], Invariant($"{Values(counts[i])} {batch[i].Words}{Examples(batch[i])}."));
            }
        }
    }

    private string Examples(RowPromise promise)
    {
        // Each is a query of its own; in a table of thousands of broken columns nobody reads them all.
        if (_exampleQueries++ >= MostExampleQueries)
            return "";
        var examples = new List<string>();
        using DuckDbResult result = context.Connection.Query(
            $"SELECT left(c{promise.Column}::VARCHAR, {LongestExample}), count(*) AS n FROM {context.Table.Table} WHERE {promise.Predicate} GROUP BY c{promise.Column} ORDER BY n DESC, c{promise.Column} LIMIT {MostExamples}",
            context.CancellationToken);
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
                examples.Add(result.Vector(0).Text(row));
        }
        return $", such as {string.Join(", ", examples)}";
    }

    private void CheckKey(DataContract contract, Dictionary<string, int> indexes)
    {
        if (contract.UniqueKey is not { Count: > 0 } key)
            return;
        string[] absent = [.. key.Where(name => !indexes.ContainsKey(name))];
        foreach (string name in absent.Where(name => !contract.Columns.Any(column => column.Required && column.Name.Equals(name, StringComparison.OrdinalIgnoreCase))))
            Add(ContractBreach.ColumnMissing, Severity.Error, name, 0, "The column is part of the unique key, and not in the data.");
        if (absent.Length == 0)
            CountRepeats([.. key.Select(name => indexes[name])], key.Count == 1 ? context.Table.Columns[indexes[key[0]]].Name : null);
    }

    private void CountRepeats(IReadOnlyList<int> columns, string? name)
    {
        string list = string.Join(", ", columns.Select(i => $"c{i}"));
        string present = string.Join(" AND ", columns.Select(i => $"c{i} IS NOT NULL"));
        string groups = $"SELECT {list}, count(*) AS n FROM {context.Table.Table} WHERE {present} GROUP BY {list} HAVING count(*) > 1";
        long repeats = context.Connection.QueryInt64($"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM ({groups})", context.CancellationToken);
        if (repeats == 0)
            return;
        var examples = new List<string>();
        using (DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", columns.Select(i => $"left(c{i}::VARCHAR, {LongestExample})"))} FROM ({groups}) ORDER BY n DESC, {list} LIMIT {MostExamples}", context.CancellationToken))
        {
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    examples.Add(string.Join(" / ", columns.Select((_, i) => result.Vector(i).Text(row))));
            }
        }
        string what = name ?? string.Join(", ", columns.Select(i => context.Table.Columns[i].Name));
        Add(ContractBreach.NotUnique, Severity.Error, name, repeats, Invariant(
            $"{(repeats == 1 ? "1 row repeats" : $"{repeats} rows repeat")} an earlier row's {what}, such as {string.Join(", ", examples)}."));
    }

    private void Add(ContractBreach breach, Severity severity, string? column, long rows, string detail) =>
        _violations.Add(new(breach, severity, column, rows, detail));

    private static string Values(long count) => count == 1 ? "1 value is" : Invariant($"{count} values are");

    private static string Word(ColumnKind kind) => kind switch
    {
        ColumnKind.Number => "numbers",
        ColumnKind.Integer => "integers",
        ColumnKind.Category => "categories",
        ColumnKind.Boolean => "booleans",
        ColumnKind.Datetime => "times",
        ColumnKind.Text => "free text",
        ColumnKind.Identifier => "keys",
        ColumnKind.Json => "nested JSON",
        ColumnKind.Image => "images",
        _ => "one value",
    };

    /// <summary>Kinds that are stored alike and differ in what their values happen to be.</summary>
    private static string Family(ColumnKind kind, PreparedColumn column) => kind switch
    {
        ColumnKind.Number or ColumnKind.Integer => "number",
        ColumnKind.Identifier => column.IsNumeric ? "number" : "text",
        ColumnKind.Category or ColumnKind.Text => "text",
        _ => kind.ToString(),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <param name="Predicate">In SQL, true for rows that break the promise.</param>
    /// <param name="Words">What those rows are.</param>
    private sealed record RowPromise(ContractBreach Breach, string Name, int Column, string Predicate, string Words);
}
