using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>Describes raw features for a model's signature, from the training rows.</summary>
internal static class FeatureDescriptions
{
    private const int MaximumCategories = 1000;
    private const int LongestExample = 200;

    public static ModelFeature Describe(FeatureColumn column, FeatureInput input) => column switch
    {
        NumberColumn numbers => Describe(numbers, input),
        TextColumn texts => Describe(texts, input),
        _ => throw new ArgumentException($"No description of a {column.GetType().Name}.", nameof(column)),
    };

    private static ModelFeature Describe(NumberColumn column, FeatureInput input)
    {
        var present = column.SortedValues();
        return new()
        {
            Name = column.Name,
            Kind = column.Kind,
            Input = input.Input,
            Type = TensorType.Float32,
            Minimum = present.Length > 0 ? Shortest(present[0]) : null,
            Maximum = present.Length > 0 ? Shortest(present[^1]) : null,
            Example = present.Length > 0 ? Example(column.Kind, present[present.Length / 2]) : null,
        };
    }

    private static ModelFeature Describe(TextColumn column, FeatureInput input)
    {
        if (column.Kind is ColumnKind.Text)
        {
            return new()
            {
                Name = column.Name,
                Kind = column.Kind,
                Input = input.Input,
                Type = TensorType.String,
                Example = column.Values.FirstOrDefault(v => v.Length > 0) is { } text ? Json(text.Length <= LongestExample ? text : text[..LongestExample]) : null,
            };
        }

        var values = CategoryEncoder.ValuesOf(column);
        return new()
        {
            Name = column.Name,
            Kind = column.Kind,
            Input = input.Input,
            Type = TensorType.String,
            Categories = [.. values.Take(MaximumCategories).Order(StringComparer.Ordinal)],
            Example = values.Count > 0 ? Json(values[0]) : null,
        };
    }

    private static JsonElement Example(ColumnKind kind, float typical) => kind switch
    {
        ColumnKind.Boolean => Json(typical >= 0.5f),
        ColumnKind.Integer => Json((long)typical),
        ColumnKind.Datetime => Json(DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(typical, -62_135_596_800, 253_402_300_799))),
        _ => Json(Shortest(typical)),
    };

    /// <summary>39.1 and not 39.099998, as a conversion would have it.</summary>
    private static double Shortest(float value) =>
        double.Parse(value.ToString("R", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
