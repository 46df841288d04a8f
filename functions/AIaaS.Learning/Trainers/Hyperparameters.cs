using System.Text.Json;

namespace AIaaS.Learning.Trainers;

/// <summary>Values of hyperparameters by name, as a trial gives them.</summary>
internal sealed class Hyperparameters(IReadOnlyDictionary<string, JsonElement> values)
{
    public static Hyperparameters None { get; } = new(new Dictionary<string, JsonElement>());

    public IReadOnlyDictionary<string, JsonElement> Values { get; } = values;

    /// <exception cref="TrainingException">It is no number.</exception>
    public double Number(string name, double absent) => !Values.TryGetValue(name, out var value) ? absent
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number
        : throw Wrong(name, value, "a number");

    /// <exception cref="TrainingException">It is no whole number.</exception>
    public int Integer(string name, int absent) => !Values.TryGetValue(name, out var value) ? absent
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
        : throw Wrong(name, value, "a whole number");

    /// <exception cref="TrainingException">It is neither true nor false.</exception>
    public bool Flag(string name, bool absent) => !Values.TryGetValue(name, out var value) ? absent
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(name, value, "true or false");

    /// <exception cref="TrainingException">It is no text.</exception>
    public string Text(string name, string absent) => !Values.TryGetValue(name, out var value) ? absent
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Wrong(name, value, "a text");

    public Hyperparameters With(IEnumerable<KeyValuePair<string, JsonElement>> others)
    {
        var merged = new Dictionary<string, JsonElement>(Values);
        foreach (var (name, value) in others)
            merged[name] = value;
        return new(merged);
    }

    private static TrainingException Wrong(string name, JsonElement value, string wanted) =>
        new("A hyperparameter has the wrong type", $"The hyperparameter '{name}' must be {wanted}, not {value.GetRawText()}.");
}
