using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>Which columns a model is given, and what the card says about the others.</summary>
internal sealed record FeatureSelection(IReadOnlyList<string> Names, IReadOnlyList<string> Notes)
{
    /// <param name="schema">All columns.</param>
    /// <param name="target">The column to predict.</param>
    /// <param name="weight">The column that weighs rows; null where there is none.</param>
    public static FeatureSelection From(DataSchema schema, string target, string? weight = null)
    {
        var others = schema.Columns.Where(c => c.Name != target && c.Name != weight).ToArray();
        return new(
            [.. others.Where(c => Reason(c.Kind) is null).Select(c => c.Name)],
            [.. others.Where(c => Reason(c.Kind) is not null).Select(c => $"'{c.Name}' was left out: {Reason(c.Kind)}.")]);
    }

    private static string? Reason(ColumnKind kind) => kind switch
    {
        ColumnKind.Identifier => "it identifies rows, and says nothing about new ones",
        ColumnKind.Constant => "it has the same value in every row",
        ColumnKind.Text => "free text is not used by tabular trainers",
        ColumnKind.Json => "nested values are not used by tabular trainers",
        ColumnKind.Image => "images are not used by tabular trainers",
        _ => null,
    };
}
