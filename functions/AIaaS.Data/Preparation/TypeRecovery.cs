using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>A text column of a source.</summary>
/// <param name="Source">The source's place in the list.</param>
/// <param name="Column">The column's place in the source.</param>
/// <param name="Name">The name people know it by.</param>
/// <param name="Table">The source's table.</param>
/// <param name="Expression">Its values over the table, without blanks around them.</param>
internal sealed record TextColumn(int Source, int Column, string Name, string Table, string Expression)
{
    /// <summary>A table expression with the values as <c>v</c>.</summary>
    public string From => $"(SELECT {Expression} AS v FROM {Table})";
}

/// <summary>How a text column of a source is read as something else.</summary>
/// <param name="Column">Which one.</param>
/// <param name="Type">DOUBLE, BIGINT, DATE or TIMESTAMP.</param>
/// <param name="Value">From the SQL of a text to that of its value, NULL where it is none.</param>
/// <param name="Present">Texts.</param>
/// <param name="Rejected">Those of them that are no values.</param>
/// <param name="Step">The step's name in the report.</param>
/// <param name="Reason">Why rows are rejected, as in <see cref="QuarantinedRow.Reason"/>.</param>
/// <param name="What">How they were read, for people.</param>
internal sealed record Recovery(TextColumn Column, string Type, Func<string, string> Value, long Present, long Rejected, string Step, string Reason, string What);

/// <summary>
/// Finds numbers and times in text columns of delimited files that were written for people: thousands separators, currency and
/// percent signs, decimal commas, dates other than ISO 8601. How a column is written is decided for each source, over all of its
/// values; where those can be read in two ways, over the values of all sources. What is then still open stays text and is reported.
/// </summary>
internal sealed class TypeRecovery(DuckDbConnection connection, List<QualityFinding> findings)
{
    /// <summary>The share of values that decides a column's type, as when delimited files are read; the rows of the others are quarantined.</summary>
    public const double DecidingShare = 0.99;

    private const int Batch = 50;
    private const int SampleRows = 20_000;
    private const int SampleValues = 100;

    /// <param name="columns">The text columns of all delimited sources.</param>
    /// <param name="plain">By name, columns of delimited sources that are numbers already.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public IEnumerable<Recovery> Find(IReadOnlyList<TextColumn> columns, ILookup<string, WrittenNumbers> plain, CancellationToken cancellationToken)
    {
        var numbers = new List<TextColumn>();
        var times = new List<TextColumn>();
        foreach (IGrouping<int, TextColumn> source in columns.GroupBy(column => column.Source))
        {
            foreach (TextColumn[] batch in source.Chunk(Batch))
                Sort(batch, numbers, times, cancellationToken);
        }
        var found = new List<Recovery>();
        foreach (IGrouping<string, TextColumn> named in numbers.GroupBy(column => column.Name, StringComparer.OrdinalIgnoreCase))
            found.AddRange(Numbers([.. named], [.. plain[named.Key]], cancellationToken));
        foreach (IGrouping<string, TextColumn> named in times.GroupBy(column => column.Name, StringComparer.OrdinalIgnoreCase))
            found.AddRange(Times([.. named], cancellationToken));
        return found;
    }

    /// <summary>True for the first way of reading, false for the second, null where neither rules the other out.</summary>
    public static bool? Decide(long present, long first, long second)
    {
        long most = Math.Max(first, second), least = Math.Min(first, second);
        return most >= DecidingShare * present && least < most && (most == present || least < DecidingShare * present) ? first > second : null;
    }

    /// <summary>Finds the columns that are worth a look by some of their values.</summary>
    private void Sort(TextColumn[] batch, List<TextColumn> numbers, List<TextColumn> times, CancellationToken cancellationToken)
    {
        int[] seen = new int[batch.Length], numberLike = new int[batch.Length], timeLike = new int[batch.Length];
        string list = string.Join(", ", batch.Select(column => column.Expression));
        using (DuckDbResult result = connection.Query(Invariant($"SELECT {list} FROM {batch[0].Table} LIMIT {SampleRows}"), cancellationToken))
        {
            while (result.Read())
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    DuckDbVector vector = result.Vector(i);
                    for (int row = 0; row < vector.Count && seen[i] < SampleValues; row++)
                    {
                        if (!vector.IsValid(row))
                            continue;
                        string value = vector.Text(row);
                        seen[i]++;
                        numberLike[i] += WrittenNumbers.IsOne(value) ? 1 : 0;
                        timeLike[i] += WrittenTimes.IsOne(value) ? 1 : 0;
                    }
                }
            }
        }
        numbers.AddRange(batch.Where((_, i) => seen[i] > 0 && numberLike[i] >= 0.9 * seen[i]));
        times.AddRange(batch.Where((_, i) => seen[i] > 0 && timeLike[i] >= 0.9 * seen[i]));
    }

    private IEnumerable<Recovery> Numbers(TextColumn[] columns, WrittenNumbers[] plain, CancellationToken cancellationToken)
    {
        (TextColumn Column, WrittenNumbers Written)[] counted =
            [.. columns.Select(column => (column, WrittenNumbers.Count(connection, column, cancellationToken))).Where(pair => !pair.Item2.AreCodes)];
        if (counted.Length == 0)
            yield break;
        WrittenNumbers together = counted.Select(pair => pair.Written).Concat(plain).Aggregate((a, b) => a + b);
        if (together.Mixture is { } mixture)
        {
            Report(columns[0].Name, mixture);
            yield break;
        }
        foreach ((TextColumn column, WrittenNumbers written) in counted)
        {
            if ((written.HasPoints() ?? (written.IsAmbiguous ? together.HasPoints() : null)) is { } hasPoints)
                yield return written.Read(connection, column, hasPoints, cancellationToken);
            else if (written.IsAmbiguous)
                Report(column.Name, WrittenNumbers.Ambiguity);
        }
    }

    private IEnumerable<Recovery> Times(TextColumn[] columns, CancellationToken cancellationToken)
    {
        (TextColumn Column, WrittenTimes Written)[] counted = [.. columns.Select(column => (column, WrittenTimes.Count(connection, column, cancellationToken)))];
        WrittenTimes together = counted.Select(pair => pair.Written).Aggregate((a, b) => a + b);
        foreach ((TextColumn column, WrittenTimes written) in counted)
        {
            if ((written.Order() ?? (written.AreTimes ? together.Order() : null)) is { } order)
                yield return written.Read(connection, column, order, cancellationToken);
            else if (written.AreTimes)
                Report(column.Name, WrittenTimes.Ambiguity);
        }
    }

    private void Report(string column, string detail) => findings.Add(new(Severity.Warning, column, detail));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
