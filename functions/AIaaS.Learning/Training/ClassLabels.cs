using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Training;

/// <summary>The classes of a target in a fixed order (numbers ascending, false before true, texts by code point) and in its own type.</summary>
internal sealed class ClassLabels
{
    private readonly ColumnKind _kind;
    private readonly Dictionary<string, int> _indices;

    private ClassLabels(ColumnKind kind, string[] texts)
    {
        _kind = kind;
        Texts = texts;
        _indices = texts.Index().ToDictionary(t => t.Item, t => t.Index, StringComparer.Ordinal);
    }

    public IReadOnlyList<string> Texts { get; }

    public int Count => Texts.Count;

    /// <summary>The type of the model's label.</summary>
    public TensorType Type => _kind switch
    {
        ColumnKind.Boolean => TensorType.Bool,
        ColumnKind.Integer => TensorType.Int64,
        ColumnKind.Number => TensorType.Float64,
        _ => TensorType.String,
    };

    public static ClassLabels Of(ClassTargetColumn target)
    {
        var distinct = target.Values.Where(v => !string.IsNullOrEmpty(v)).Select(v => v!).Distinct(StringComparer.Ordinal);
        return new(target.Kind, target.Kind is ColumnKind.Integer or ColumnKind.Number
            ? [.. distinct.OrderBy(v => double.Parse(v, CultureInfo.InvariantCulture)).ThenBy(v => v, StringComparer.Ordinal)]
            : [.. distinct.Order(StringComparer.Ordinal)]);
    }

    public int IndexOf(string value) => _indices[value];

    /// <summary>The classes as an array of <see cref="Type"/>.</summary>
    public Array ToArray() => Type switch
    {
        TensorType.Bool => Texts.Select(bool.Parse).ToArray(),
        TensorType.Int64 => Texts.Select(t => long.Parse(t, CultureInfo.InvariantCulture)).ToArray(),
        TensorType.Float64 => Texts.Select(t => double.Parse(t, CultureInfo.InvariantCulture)).ToArray(),
        _ => Texts.ToArray(),
    };

    public IReadOnlyList<JsonElement> ToJson() =>
        [.. ToArray().Cast<object>().Select(v => JsonSerializer.SerializeToElement(v, JsonDefaults.Options))];
}
