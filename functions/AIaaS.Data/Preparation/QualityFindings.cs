using System.Globalization;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>What a reader of the quality report should know about the data.</summary>
internal static class QualityFindings
{
    public static IEnumerable<QualityFinding> Of(DataProfile profile, long rowsRead, Quarantine quarantine)
    {
        if (quarantine.Count > 0)
        {
            double share = (double)quarantine.Count / rowsRead;
            yield return new(share > 0.1 ? Severity.Error : Severity.Warning, null,
                Invariant($"{quarantine.Count} rows ({share:P1}) were put aside and are kept in {QuarantinedRow.FileName}."));
        }
        foreach (LeakageSuspect suspect in profile.Target?.LeakageSuspects ?? [])
        {
            if (suspect.Score >= Profiling.TargetAnalysis.SuspectScore)
                yield return new(Severity.Warning, suspect.Column, suspect.Detail);
        }
        foreach (ColumnProfile column in profile.Columns)
        {
            double missing = (double)column.Missing / profile.Rows;
            if (column.Missing == profile.Rows)
                yield return new(Severity.Warning, column.Name, "Every value is missing; the column is not used.");
            else if (missing > 0.5)
                yield return new(Severity.Warning, column.Name, Invariant($"{missing:P0} of the values are missing."));
            if (column.Kind == ColumnKind.Constant && column.Missing < profile.Rows)
                yield return new(Severity.Information, column.Name, "Every value is the same; the column is not used.");
            if (column.Kind == ColumnKind.Identifier)
                yield return new(Severity.Information, column.Name, "Nearly every value is different, like a key; the column is not used.");
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
