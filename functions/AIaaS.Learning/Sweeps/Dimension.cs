using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>A hyperparameter and what may be tried of it.</summary>
internal abstract class Dimension(string name, HyperparameterCondition? condition, JsonElement initial)
{
    public string Name { get; } = name;

    public HyperparameterCondition? Condition { get; } = condition;

    /// <summary>What the first trial takes.</summary>
    public JsonElement Default { get; } = initial;

    /// <summary>How many values there are; null for too many to count.</summary>
    public abstract int? Count { get; }

    public abstract JsonElement Sample(Draws draws);

    /// <summary>At most <paramref name="count"/> values that represent the others; the default where it is one only.</summary>
    public abstract IReadOnlyList<JsonElement> Spread(int count);

    /// <param name="name">The hyperparameter.</param>
    /// <param name="range">Has passed <see cref="SweepValidation"/>.</param>
    public static Dimension Of(string name, HyperparameterRange range) =>
        range.Choices is { } choices ? new ChoiceDimension(name, range.When, choices, range.Default) : new NumberDimension(name, range);
}

/// <summary>One of some values that have no order.</summary>
internal sealed class ChoiceDimension(string name, HyperparameterCondition? condition, IReadOnlyList<JsonElement> choices, JsonElement? initial)
    : Dimension(name, condition, initial ?? choices[0])
{
    public IReadOnlyList<JsonElement> Choices { get; } = choices;

    public override int? Count => Choices.Count;

    public override JsonElement Sample(Draws draws) => Choices[draws.Index(Choices.Count)];

    /// <returns>The default first.</returns>
    public override IReadOnlyList<JsonElement> Spread(int count) =>
        [.. Choices.Where(c => JsonElement.DeepEquals(c, Default)).Concat(Choices.Where(c => !JsonElement.DeepEquals(c, Default))).Take(count)];

    /// <returns>-1 where it is none of them.</returns>
    public int IndexOf(JsonElement value)
    {
        for (var i = 0; i < Choices.Count; i++)
        {
            if (JsonElement.DeepEquals(Choices[i], value))
                return i;
        }

        return -1;
    }
}

/// <summary>
/// A number between two bounds. Samplers work on its <em>position</em>: the number itself or its logarithm. Whole numbers own the
/// half below and above them, so that the outermost are as likely as the others.
/// </summary>
internal sealed class NumberDimension : Dimension
{
    /// <summary>More values than any sweep tries.</summary>
    private const double Uncountable = 1_000_000;

    /// <summary>Digits of a value that was drawn: enough for any purpose, and readable.</summary>
    private const string Digits = "G5";

    private readonly double _minimum;
    private readonly double _maximum;
    private readonly bool _log;
    private readonly bool _integer;

    public NumberDimension(string name, HyperparameterRange range)
        : base(name, range.When, range.Default ?? Middle(range))
    {
        (_minimum, _maximum, _log, _integer) = (range.Minimum!.Value, range.Maximum!.Value, range.Scale is RangeScale.Log, range.Integer);
        var margin = _integer ? 0.5 : 0;
        (Low, High) = (Scaled(_minimum - margin), Scaled(_maximum + margin));
    }

    /// <summary>The lowest position.</summary>
    public double Low { get; }

    /// <summary>The highest position.</summary>
    public double High { get; }

    public override int? Count => _minimum == _maximum ? 1 : _integer && _maximum - _minimum < Uncountable ? (int)(_maximum - _minimum) + 1 : null;

    public override JsonElement Sample(Draws draws) => ValueAt(Low + (draws.Uniform() * (High - Low)));

    public override IReadOnlyList<JsonElement> Spread(int count)
    {
        if (count == 1 || Count == 1)
            return [Default];
        if (count >= Count)
            return [.. Enumerable.Range(0, Count.Value).Select(i => JsonSerializer.SerializeToElement((long)_minimum + i))];
        var (from, to) = (Scaled(_minimum), Scaled(_maximum));
        var spread = Enumerable.Range(0, count).Select(i => ValueAt(from + (i * (to - from) / (count - 1))));
        return [.. spread.DistinctBy(v => v.GetDouble())];
    }

    /// <returns>The value there, within the bounds.</returns>
    public JsonElement ValueAt(double position)
    {
        var value = _log ? Math.Exp(position) : position;
        if (_integer)
            return JsonSerializer.SerializeToElement((long)Math.Clamp(Math.Round(value), _minimum, _maximum));
        value = double.Parse(value.ToString(Digits, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return JsonSerializer.SerializeToElement(Math.Clamp(value, _minimum, _maximum));
    }

    /// <returns>Null where it is no number within the bounds.</returns>
    public double? PositionOf(JsonElement value) =>
        value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number) && number >= _minimum && number <= _maximum
            ? Scaled(number)
            : null;

    /// <summary>Positions that give the same value as this one does: a point, or a whole number's share of the axis.</summary>
    public (double From, double To) CellOf(double position)
    {
        if (!_integer)
            return (position, position);
        var value = Math.Clamp(Math.Round(_log ? Math.Exp(position) : position), _minimum, _maximum);
        return (Scaled(value - 0.5), Scaled(value + 0.5));
    }

    private double Scaled(double value) => _log ? Math.Log(value) : value;

    private static JsonElement Middle(HyperparameterRange range)
    {
        var (minimum, maximum) = (range.Minimum!.Value, range.Maximum!.Value);
        var middle = range.Scale is RangeScale.Log ? Math.Sqrt(minimum) * Math.Sqrt(maximum) : minimum + ((maximum - minimum) / 2);
        return range.Integer ? JsonSerializer.SerializeToElement((long)Math.Round(middle)) : JsonSerializer.SerializeToElement(middle);
    }
}
