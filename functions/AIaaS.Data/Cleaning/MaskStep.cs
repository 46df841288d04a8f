using AIaaS.Data.DuckDb;
using AIaaS.Data.Masking;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Finds personal data, reports it, and hides what the plan names.</summary>
internal sealed class MaskStep : ICleaningStep
{
    /// <summary>Blocks of rows that are looked at where nothing is to be hidden: a look at all rows of all texts takes long.</summary>
    private const int SampledBlocks = 10;

    private const int BlockRows = 2048;

    private static readonly SensitiveKind[] AllKinds = Enum.GetValues<SensitiveKind>();

    public string Name => "mask";

    public string? Apply(PreparationContext context)
    {
        MaskPlan plan = context.Parameters.Clean.Mask;
        IReadOnlyList<int> hidden = CleaningColumns.Find(context, "clean.mask.columns", plan.Columns);
        IReadOnlyDictionary<int, long[]> found = Find(context, plan, hidden);

        var rewrite = new TableRewrite(context);
        var details = new List<string>();
        long values = 0;
        var masked = new List<int>();
        foreach ((int column, long[] rows) in found.OrderBy(pair => pair.Key))
        {
            string name = context.Table.Columns[column].Name;
            bool isMasked = false;
            foreach (SensitiveKind kind in AllKinds.Where(kind => rows[(int)kind] > 0))
            {
                bool named = plan.Kinds.Contains(kind);
                isMasked |= named;
                values += named ? rows[(int)kind] : 0;
                context.Sensitive.Add(new(name, kind, rows[(int)kind], named || hidden.Contains(column) ? plan.Action : null));
            }
            if (isMasked && !hidden.Contains(column))
                masked.Add(column);
        }
        Report(context);
        foreach (int column in masked.Concat(hidden).Order())
            Hide(context, plan, rewrite, column, whole: hidden.Contains(column));
        if (rewrite.Changes > 0)
        {
            if (plan.Action == MaskAction.Drop && rewrite.Changes == context.Table.Columns.Count)
                throw CleaningColumns.Unusable("clean.mask", "every column would be dropped. Choose the action redact or hash, or mask less.");
            string verb = plan.Action switch { MaskAction.Redact => "Redacted", MaskAction.Hash => "Hashed", _ => "Dropped columns with" };
            if (masked.Count > 0)
                details.Add(CleaningColumns.Invariant($"{verb} {values} values found in {CleaningColumns.Names(context, masked)}."));
            if (hidden.Count > 0)
                details.Add($"{(plan.Action == MaskAction.Drop ? "Dropped" : "Hid")} {CleaningColumns.Names(context, hidden)} whole.");
            rewrite.Apply(context.CancellationToken);
        }
        // What is rejected from here on is masked already.
        context.Quarantine.Mask = null;
        if (plan.Kinds.Count == 0 && plan.Columns.Count == 0)
            return null;
        return details.Count > 0 ? string.Join(' ', details) : $"Found none of {string.Join(", ", plan.Kinds.Select(Word))}.";
    }

    private static void Hide(PreparationContext context, MaskPlan plan, TableRewrite rewrite, int column, bool whole)
    {
        PreparedColumn about = context.Table.Columns[column];
        if (column == CleaningColumns.Target(context) && (whole || plan.Action == MaskAction.Drop))
        {
            throw CleaningColumns.Unusable("clean.mask", $"{about.Name} is the target, and a model cannot learn what is hidden. {(whole ? "Remove it from clean.mask.columns" : "Choose the action redact or hash")}, or choose another target.");
        }
        string c = CleaningColumns.Invariant($"c{column}");
        if (plan.Action == MaskAction.Drop)
            rewrite.Drop(column);
        else if (whole)
            rewrite.Set(column, $"sensitive_hidden({c}::VARCHAR)", "VARCHAR", isJson: false);
        else
            rewrite.Set(column, CleaningColumns.Invariant($"sensitive_masked({(int)SensitiveHintsOf.Name(about.Name)}, {(about.IsJson ? "true" : "false")}, {c}::VARCHAR)"), "VARCHAR");
    }

    /// <summary>Rows of each kind, for the columns in which something was found.</summary>
    private static SortedDictionary<int, long[]> Find(PreparationContext context, MaskPlan plan, IReadOnlyList<int> hidden)
    {
        int[] columns = [.. Enumerable.Range(0, context.Table.Columns.Count).Where(i => IsLookedAt(context.Table.Columns[i]))];
        string sample = Sample(context);
        bool isSampled = plan.Kinds.Count == 0 && sample != context.Table.Table;
        // What is to be hidden is looked for everywhere; the rest where a sample has it.
        if (isSampled)
            columns = [.. Count(context, sample, columns).Keys];
        return Count(context, context.Table.Table, columns);
    }

    private static SortedDictionary<int, long[]> Count(PreparationContext context, string source, int[] columns)
    {
        const int Batch = 50;
        var found = new SortedDictionary<int, long[]>();
        foreach (int[] batch in columns.Chunk(Batch))
        {
            IEnumerable<string> kinds = batch.Select(i => CleaningColumns.Invariant(
                $"sensitive_kinds({(int)SensitiveHintsOf.Name(context.Table.Columns[i].Name)}, c{i}::VARCHAR) AS k{i}"));
            IEnumerable<string> counts = batch.SelectMany(i => AllKinds.Select(kind => CleaningColumns.Invariant($"count(*) FILTER (k{i} & {1 << (int)kind} <> 0)")));
            using DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", counts)} FROM (SELECT {string.Join(", ", kinds)} FROM {source})", context.CancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
            {
                long[] rows = new long[AllKinds.Length];
                for (int k = 0; k < rows.Length; k++)
                    rows[k] = result.Vector(j * rows.Length + k).Int64(0);
                if (rows.Any(count => count > 0))
                    found[batch[j]] = rows;
            }
        }
        return found;
    }

    /// <summary>Blocks of rows spread evenly over the table, or all of a small one.</summary>
    private static string Sample(PreparationContext context)
    {
        string table = context.Table.Table;
        if (context.CountRows() <= SampledBlocks * BlockRows)
            return table;
        long end = context.Connection.QueryInt64($"SELECT max(rowid) + 1 FROM {table}", context.CancellationToken);
        IEnumerable<string> blocks = Enumerable.Range(0, SampledBlocks).Select(block =>
        {
            long from = end * block / SampledBlocks;
            return CleaningColumns.Invariant($"SELECT * FROM {table} WHERE rowid >= {from} AND rowid < {from + BlockRows}");
        });
        return $"({string.Join(" UNION ALL ", blocks)})";
    }

    /// <summary>Texts, and integers whose column's name says that they are no quantities.</summary>
    private static bool IsLookedAt(PreparedColumn column) =>
        column.Type == "VARCHAR" || (column.Type == "BIGINT" && SensitiveHintsOf.Name(column.Name) != SensitiveHints.None);

    private static void Report(PreparationContext context)
    {
        foreach (IGrouping<string, SensitiveColumn> column in context.Sensitive.Where(sensitive => sensitive.Action is null).GroupBy(sensitive => sensitive.Column))
        {
            string kinds = string.Join(", ", column.Select(sensitive => CleaningColumns.Invariant($"{Word(sensitive.Kind)} ({sensitive.Rows} rows)")));
            context.Findings.Add(new(Severity.Warning, column.Key, $"Holds personal data: {kinds}. Hide it with clean.mask, or drop the column if nothing is learned from it."));
        }
    }

    private static string Word(SensitiveKind kind) => kind switch
    {
        SensitiveKind.Email => "email addresses",
        SensitiveKind.Phone => "telephone numbers",
        SensitiveKind.Card => "payment cards",
        SensitiveKind.NationalId => "national identity numbers",
        SensitiveKind.Iban => "bank accounts (IBAN)",
        _ => "IP addresses",
    };
}
