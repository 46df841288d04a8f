namespace AIaaS.Data.Preparation;

/// <summary>A line of <c>quarantine.jsonl</c>: a row that was rejected, whole, and why.</summary>
public sealed record QuarantinedRow
{
    public const string FileName = "quarantine.jsonl";

    /// <summary>The source's name.</summary>
    public required string File { get; init; }

    /// <summary>The line on which the row begins, from 1, as an editor counts.</summary>
    public long? Line { get; init; }

    public string? Column { get; init; }

    /// <summary>The field that could not be used.</summary>
    public string? Value { get; init; }

    /// <summary>
    /// <c>too-few-fields</c>, <c>too-many-fields</c>, <c>bad-quotes</c>, <c>not-a-number</c>, <c>not-a-boolean</c>, <c>not-a-time</c>,
    /// <c>invalid-encoding</c>, <c>line-too-long</c>, <c>malformed-json</c>, <c>repeated-key</c>, what an archive's entry has amiss or, of a cleaning step, <c>outlier</c>.
    /// </summary>
    public required string Reason { get; init; }

    /// <summary>The row as it stood in the file.</summary>
    public string? Raw { get; init; }
}
