using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>What the engine tells of a column, before its kind is known.</summary>
internal sealed record ColumnSummary
{
    /// <summary>Present values.</summary>
    public required long Count { get; init; }

    public required long Distinct { get; init; }

    public bool DistinctIsApproximate { get; init; }

    public JsonElement? Min { get; init; }

    public JsonElement? Max { get; init; }

    /// <summary>The ends of the histogram of a number or (in seconds since 1970) a time.</summary>
    public (double Low, double High)? Range { get; init; }

    public double? Mean { get; init; }

    public double? StandardDeviation { get; init; }

    public IReadOnlyList<Quantile>? Quantiles { get; init; }

    public Histogram? Histogram { get; init; }

    public IReadOnlyList<ValueCount>? TopValues { get; init; }

    public TextLengths? Lengths { get; init; }

    /// <summary>Mean words of a text, counted by blanks.</summary>
    public double MeanWords { get; init; }
}
