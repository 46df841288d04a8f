using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Data.Splits;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Keeps the rows whose hash is lowest: the same rows each time, in whatever order they come.</summary>
internal sealed class SampleStep : ICleaningStep
{
    /// <summary>Not the split's, so that a sample is not all of one part.</summary>
    private const long Seed = 0x73616D706C65;

    public string Name => "sample";

    public string? Apply(PreparationContext context)
    {
        if (context.Parameters.Clean.Sample is not { } plan)
            return null;
        if (plan.Share is not (> 0 and <= 1))
            throw CleaningColumns.Unusable("clean.sample.share", "it is a share above 0 up to 1.");
        if (plan.Rows is <= 0)
            throw CleaningColumns.Unusable("clean.sample.rows", "at least one row must be kept.");
        string hash = RowHash.OfRow(context.Table, Seed);
        string table = context.Table.Table;
        long before = context.CountRows();
        if (plan.Share < 1)
            context.Connection.Execute($"DELETE FROM {table} WHERE {hash} >= {RowHash.Below(plan.Share)}", context.CancellationToken);
        if (plan.Rows is { } most && context.CountRows() > most)
        {
            context.Connection.InTransaction(() =>
            {
                context.Connection.Execute($"CREATE OR REPLACE TABLE sampled AS SELECT rowid AS r, {hash} AS h FROM {table}", context.CancellationToken);
                // Of rows that are all alike the first ones stay.
                context.Connection.Execute(
                    CleaningColumns.Invariant($"DELETE FROM {table} WHERE rowid IN (SELECT r FROM sampled ORDER BY h, r OFFSET {most})"), context.CancellationToken);
                context.Connection.Execute("DROP TABLE sampled", context.CancellationToken);
            });
        }
        return CleaningColumns.Invariant($"Kept {context.CountRows()} of {before} rows.");
    }
}
