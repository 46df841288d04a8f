using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>Which columns a model is given, and what the card says about the others.</summary>
internal sealed record FeatureSelection(IReadOnlyList<string> Names, IReadOnlyList<string> Notes)
{
    /// <param name="schema">All columns.</param>
    /// <param name="target">The column to predict.</param>
    /// <param name="weight">The column that weighs rows; null where there is none.</param>
    /// <param name="plan">What the pipeline asks of features.</param>
    /// <exception cref="TrainingException">The plan asks of a column what it cannot be.</exception>
    public static FeatureSelection From(DataSchema schema, string target, EncodingPlan plan, string? weight = null)
    {
        Check(schema, target, plan);
        var others = schema.Columns.Where(c => c.Name != target && c.Name != weight).Select(c => (c.Name, Reason: Reason(c, plan))).ToArray();
        return new(
            [.. others.Where(c => c.Reason is null).Select(c => c.Name)],
            [.. others.Where(c => c.Reason is not null).Select(c => $"'{c.Name}' was left out: {c.Reason}.")]);
    }

    private static void Check(DataSchema schema, string target, EncodingPlan plan)
    {
        foreach (var (name, encoding) in plan.Columns)
        {
            var column = schema.Columns.FirstOrDefault(c => c.Name == name) ?? throw new TrainingException(
                "There is no such feature",
                $"'features.columns' names '{name}'; the data has no such column. Its columns are: {string.Join(", ", schema.Columns.Select(c => c.Name))}.");
            if (name == target)
                throw new TrainingException("The target is no feature", $"'features.columns' names '{name}', which is what the model is to tell.");
            if (!FeatureEncoders.Of(column.Kind).Contains(encoding))
            {
                throw new TrainingException(
                    "A feature cannot be encoded so",
                    $"'features.columns' asks for '{Name(encoding)}' of '{name}', a column of kind {Name(column.Kind)}, which can be: {string.Join(", ", FeatureEncoders.Of(column.Kind).Select(Name))}.");
            }
        }
    }

    private static string Name<T>(T value)
        where T : struct, Enum =>
        JsonSerializer.SerializeToElement(value, JsonDefaults.Options).GetString()!;

    private static string? Reason(DataColumn column, EncodingPlan plan) => column.Kind switch
    {
        _ when FeatureEncoders.Asked(plan, column) is FeatureEncoding.Drop => "the pipeline says so",
        ColumnKind.Identifier => "it identifies rows, and says nothing about new ones",
        ColumnKind.Constant => "it has the same value in every row",
        ColumnKind.Json => "nested values are not used by tabular trainers",
        ColumnKind.Image => "images are not used by tabular trainers",
        _ => null,
    };
}
