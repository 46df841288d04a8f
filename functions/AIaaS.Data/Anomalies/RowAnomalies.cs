using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Anomalies;

/// <summary>Isolation forest scores of the rows that are being prepared, against the whole of them.</summary>
/// <remarks>
/// The forest is fitted on a sample of at most <see cref="RowScorer.FittedRows"/> rows; the table itself is read a few thousand rows
/// at a time. Of one row alone nothing can be said: it scores ½.
/// </remarks>
internal static class RowAnomalies
{
    /// <summary>Rows whose scores are held before they are written: those of four of the engine's row groups.</summary>
    private const long RangeRows = 4 * 122_880;

    /// <summary>The score of each row of <see cref="PreparationContext.Table"/>, in the order of its rowids.</summary>
    /// <remarks>Eight bytes a row: for tables of any size take <see cref="Write"/>.</remarks>
    /// <param name="context">The preparation.</param>
    /// <param name="columns">Numbers of the columns to look at, at least one.</param>
    /// <param name="seed">Of the sample and the forest.</param>
    public static double[] Scores(PreparationContext context, IReadOnlyList<int> columns, long seed)
    {
        double[] all = new double[context.CountRows()];
        if (Fit(context, columns, seed) is not { } scorer)
        {
            Array.Fill(all, 0.5);
            return all;
        }
        int at = 0;
        foreach ((_, float[] scores) in scorer.Score(context.Connection, Source(context), context.CancellationToken))
        {
            foreach (float score in scores)
                all[at++] = score;
        }
        return all;
    }

    /// <summary>
    /// Makes a temporary table <c>(row BIGINT, score FLOAT)</c> of the rowids and scores of all rows of
    /// <see cref="PreparationContext.Table"/> that score above a threshold, in the order of the rowids. Memory stays bounded.
    /// </summary>
    /// <returns>How many they are.</returns>
    /// <param name="context">The preparation.</param>
    /// <param name="columns">Numbers of the columns to look at, at least one.</param>
    /// <param name="seed">Of the sample and the forest.</param>
    /// <param name="threshold">0 for all rows.</param>
    /// <param name="table">Name of the table; one of that name is replaced.</param>
    public static long Write(PreparationContext context, IReadOnlyList<int> columns, long seed, double threshold, string table)
    {
        DuckDbConnection connection = context.Connection;
        CancellationToken cancellationToken = context.CancellationToken;
        connection.Execute($"CREATE OR REPLACE TEMP TABLE {Sql.Identifier(table)} (row BIGINT, score FLOAT)", cancellationToken);
        RowSource source = Source(context);
        if (Fit(context, columns, seed) is not { } scorer)
        {
            return threshold >= 0.5 ? 0 : connection.Execute($"INSERT INTO {Sql.Identifier(table)} SELECT rowid, 0.5 FROM {source.From}", cancellationToken);
        }
        long end = connection.QueryInt64($"SELECT max(rowid) + 1 FROM {source.From}", cancellationToken);
        var numbers = new List<long>();
        var found = new List<float>();
        long count = 0;
        for (long from = 0; from < end; from += RangeRows)
        {
            RowSource range = source.Where(string.Create(CultureInfo.InvariantCulture, $"rowid >= {from} AND rowid < {from + RangeRows}"));
            foreach ((long[] rows, float[] scores) in scorer.Score(connection, range, cancellationToken))
            {
                for (int i = 0; i < rows.Length; i++)
                {
                    if (!(scores[i] > threshold))
                        continue;
                    numbers.Add(rows[i]);
                    found.Add(scores[i]);
                }
            }
            using var appender = new DuckDbAppender(connection, table);
            for (int i = 0; i < numbers.Count; i++)
                appender.Append(numbers[i]).Append(found[i]).EndRow();
            appender.Close();
            count += numbers.Count;
            numbers.Clear();
            found.Clear();
        }
        return count;
    }

    private static RowScorer? Fit(PreparationContext context, IReadOnlyList<int> columns, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(columns.Count);
        var reader = new FeatureReader([.. columns.Select(column => FeatureColumn.Of(
            string.Create(CultureInfo.InvariantCulture, $"c{column}"), context.Table.Columns[column].Type))]);
        FeatureRows sample = reader.Sample(context.Connection, Source(context), RowScorer.FittedRows, seed, learn: true, context.CancellationToken);
        return sample.Count < 2 ? null : RowScorer.Fit(reader, sample, seed, context.CancellationToken);
    }

    private static RowSource Source(PreparationContext context) => new(context.Table.Table, "rowid");
}
