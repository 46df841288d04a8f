using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Predictions;

/// <summary>The values of one feature, in the memory or form that its graph input takes.</summary>
internal abstract class InputColumn(FeaturePlan plan)
{
    public FeaturePlan Plan { get; } = plan;

    public abstract int ElementBytes { get; }

    protected ModelFeature Feature => Plan.Feature;

    public static InputColumn Create(FeaturePlan plan, Utf8Arena texts) => plan.ElementType switch
    {
        _ when plan.Feature.Kind == ColumnKind.Image => new ImageColumn(plan),
        TensorElementType.Float => new FloatingColumn<float>(plan),
        TensorElementType.Double => new FloatingColumn<double>(plan),
        TensorElementType.Int32 => new IntegerColumn<int>(plan),
        TensorElementType.Int64 => new IntegerColumn<long>(plan),
        TensorElementType.UInt8 => new IntegerColumn<byte>(plan),
        TensorElementType.Bool => new BooleanColumn(plan),
        TensorElementType.String => new TextColumn(plan, texts),
        _ => throw new ArgumentOutOfRangeException(nameof(plan), plan.ElementType, null),
    };

    public abstract void Resize(int capacity);

    /// <summary>Takes the reader's token, null included.</summary>
    /// <exception cref="PredictionRequestException">It is no value of this feature.</exception>
    public abstract void Read(ref Utf8JsonReader reader, int row);

    /// <summary>Takes a number, where it is a value of this feature as it is.</summary>
    public virtual bool TryRead(double number, int row) => false;

    /// <exception cref="PredictionRequestException">The model cannot do without this feature.</exception>
    public abstract void SetMissing(int row);

    /// <summary>Sets the signature's example, or else what is missing or nothing in this type.</summary>
    public abstract void SetExample(int row);

    /// <summary>Sets one of two different values, neither missing, that the model may have met in training.</summary>
    public abstract void SetProbe(int row, bool second);

    /// <summary>Copies the first rows of another column of the same feature.</summary>
    public abstract void Append(InputColumn source, int rows, int row);

    /// <summary>Copies one row of another column of the same feature.</summary>
    public abstract void Copy(InputColumn source, int from, int row);

    /// <summary>Makes a tensor of some of the rows.</summary>
    public abstract OrtValue CreateValue(int first, int rows);

    /// <summary>Copies these rows to the tensor, where it does not lie over the column itself.</summary>
    public virtual void Fill(OrtValue value, int first, int rows)
    {
    }

    protected PredictionRequestException Missing(int row) =>
        new(PredictionError.MissingFeature, row, Feature.Name, "the model needs a value for it, and none was given.");

    protected PredictionRequestException WrongType(ref Utf8JsonReader reader, int row, string expected) =>
        new(PredictionError.WrongType, row, Feature.Name, $"expected {expected}, found {Describe(ref reader)}.");

    protected PredictionRequestException OutOfRange(ref Utf8JsonReader reader, int row, string type) =>
        new(PredictionError.OutOfRange, row, Feature.Name, $"{Describe(ref reader)} does not fit {type}.");

    /// <exception cref="PredictionRequestException">The string is not valid Unicode.</exception>
    protected Utf8Range Copy(ref Utf8JsonReader reader, int row, Utf8Arena texts)
    {
        try
        {
            return texts.Add(ref reader);
        }
        catch (InvalidOperationException)
        {
            throw new PredictionRequestException(PredictionError.MalformedRequest, row, Feature.Name, "the string is not valid UTF-8.");
        }
    }

    private static string Describe(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => $"the string \"{Excerpt.Of(JsonTokens.TextOf(ref reader))}\"",
        JsonTokenType.Number => $"the number {Excerpt.Of(JsonTokens.TextOf(ref reader))}",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => "null",
    };
}

/// <summary>A column of fixed-size elements in pinned memory, which its tensor lies over.</summary>
internal abstract class PinnedColumn<T>(FeaturePlan plan) : InputColumn(plan)
    where T : unmanaged
{
    protected T[] Values { get; private set; } = [];

    public override int ElementBytes => Unsafe.SizeOf<T>();

    public override void Resize(int capacity)
    {
        var larger = GC.AllocateUninitializedArray<T>(capacity, pinned: true);
        Values.CopyTo(larger, 0);
        Values = larger;
    }

    public override void Copy(InputColumn source, int from, int row) => Values[row] = ((PinnedColumn<T>)source).Values[from];

    public override void Append(InputColumn source, int rows, int row) => ((PinnedColumn<T>)source).Values.AsSpan(0, rows).CopyTo(Values.AsSpan(row));

    public override OrtValue CreateValue(int first, int rows) => PinnedTensor.Create(Values, first, Plan.ElementType, Plan.ShapeOf(rows));
}

internal static class PinnedTensor
{
    /// <param name="pinned">An array of the pinned heap that outlives the tensor.</param>
    /// <param name="start">Where the tensor begins in it.</param>
    /// <param name="type">Its element type.</param>
    /// <param name="shape">A shape of no more elements.</param>
    public static OrtValue Create<T>(T[] pinned, int start, TensorElementType type, long[] shape)
        where T : unmanaged =>
        OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, type, shape, Marshal.UnsafeAddrOfPinnedArrayElement(pinned, start), (long)(pinned.Length - start) * Unsafe.SizeOf<T>());
}

/// <summary>Numbers, booleans as 0 and 1, and times as seconds since 1970; NaN is missing.</summary>
internal sealed class FloatingColumn<T>(FeaturePlan plan) : PinnedColumn<T>(plan)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly ColumnKind _kind = plan.Feature.Kind;

    public override void Read(ref Utf8JsonReader reader, int row)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Number when _kind is not (ColumnKind.Boolean or ColumnKind.Datetime):
                if (!TryRead(JsonTokens.NumberOf(ref reader), row))
                    throw OutOfRange(ref reader, row, typeof(T) == typeof(float) ? "a 32-bit float" : "a 64-bit float");
                break;
            case JsonTokenType.True when _kind == ColumnKind.Boolean:
                Values[row] = T.One;
                break;
            case JsonTokenType.False when _kind == ColumnKind.Boolean:
                Values[row] = T.Zero;
                break;
            case JsonTokenType.String when _kind == ColumnKind.Datetime && Timestamps.TryRead(ref reader, out var seconds):
                Values[row] = T.CreateTruncating(seconds);
                break;
            case JsonTokenType.Null:
                SetMissing(row);
                break;
            default:
                throw WrongType(ref reader, row, _kind switch
                {
                    ColumnKind.Boolean => "true or false",
                    ColumnKind.Datetime => "a time such as \"2024-05-31T08:00:00Z\"",
                    _ => "a number",
                });
        }
    }

    public override bool TryRead(double number, int row)
    {
        // By way of double as the training data came: 0.1 is the same float here and there.
        var value = T.CreateTruncating(number);
        if (_kind is ColumnKind.Boolean or ColumnKind.Datetime || !T.IsFinite(value))
            return false;
        Values[row] = value;
        return true;
    }

    public override void SetMissing(int row)
    {
        if (Feature.Required)
            throw Missing(row);
        Values[row] = T.NaN;
    }

    public override void SetExample(int row) => Values[row] = Feature.Example switch
    {
        { ValueKind: JsonValueKind.Number } number => T.CreateTruncating(number.GetDouble()),
        { ValueKind: JsonValueKind.True } => T.One,
        _ => Feature.Required ? T.Zero : T.NaN,
    };

    public override void SetProbe(int row, bool second)
    {
        var value = _kind != ColumnKind.Boolean && Feature.Example is { ValueKind: JsonValueKind.Number } number ? T.CreateTruncating(number.GetDouble()) : T.Zero;
        Values[row] = second ? value + T.One : value;
    }
}

/// <summary>Integers; there is no value for what is missing, so each row has to give one.</summary>
internal sealed class IntegerColumn<T>(FeaturePlan plan) : PinnedColumn<T>(plan)
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    public override void Read(ref Utf8JsonReader reader, int row)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Number:
                Values[row] = Integer(ref reader, row);
                break;
            case JsonTokenType.True or JsonTokenType.False when Feature.Kind == ColumnKind.Boolean:
                Values[row] = reader.GetBoolean() ? T.One : T.Zero;
                break;
            case JsonTokenType.Null:
                throw Missing(row);
            default:
                throw WrongType(ref reader, row, Feature.Kind == ColumnKind.Boolean ? "true or false" : "an integer");
        }
    }

    public override void SetMissing(int row) => throw Missing(row);

    public override void SetExample(int row) =>
        Values[row] = Feature.Example is { ValueKind: JsonValueKind.Number } number ? T.CreateSaturating(number.GetDouble()) : T.Zero;

    public override void SetProbe(int row, bool second) => Values[row] = second ? T.One : T.Zero;

    private T Integer(ref Utf8JsonReader reader, int row)
    {
        if (!reader.TryGetInt64(out var value))
        {
            // 3.0 and 1e3 are integers too; doubles are exact up to 2^53.
            var number = reader.GetDouble();
            if (number != Math.Floor(number))
                throw WrongType(ref reader, row, "an integer");
            if (Math.Abs(number) > 1L << 53)
                throw OutOfRange(ref reader, row, $"{T.MinValue} to {T.MaxValue}");
            value = (long)number;
        }

        return value >= long.CreateChecked(T.MinValue) && value <= long.CreateChecked(T.MaxValue)
            ? T.CreateTruncating(value)
            : throw OutOfRange(ref reader, row, $"{T.MinValue} to {T.MaxValue}");
    }
}

/// <summary>Booleans; there is no value for what is missing, so each row has to give one.</summary>
internal sealed class BooleanColumn(FeaturePlan plan) : PinnedColumn<bool>(plan)
{
    public override void Read(ref Utf8JsonReader reader, int row) => Values[row] = reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        JsonTokenType.Null => throw Missing(row),
        _ => throw WrongType(ref reader, row, "true or false"),
    };

    public override void SetMissing(int row) => throw Missing(row);

    public override void SetExample(int row) => Values[row] = Feature.Example is { ValueKind: JsonValueKind.True };

    public override void SetProbe(int row, bool second) => Values[row] = second;
}

/// <summary>Categories and texts; the empty string is missing.</summary>
/// <remarks>
/// Where training saw categories that look like numbers or booleans, JSON numbers and booleans are taken as well and
/// become the category of that value: 3, 3.0 and "3" are all the category "3".
/// </remarks>
internal sealed class TextColumn : InputColumn
{
    private readonly Utf8Arena _texts;
    private readonly Dictionary<double, byte[]> _numbers = [];
    private readonly byte[]? _true;
    private readonly byte[]? _false;
    private readonly bool _takesNumbers;
    private Utf8Range[] _ranges = [];

    public TextColumn(FeaturePlan plan, Utf8Arena texts)
        : base(plan)
    {
        _texts = texts;
        foreach (var category in Feature.Categories ?? [])
        {
            var utf8 = Encoding.UTF8.GetBytes(category);
            if (double.TryParse(category, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
                _numbers.TryAdd(number, utf8);
            else if (category.Equals("true", StringComparison.OrdinalIgnoreCase))
                _true ??= utf8;
            else if (category.Equals("false", StringComparison.OrdinalIgnoreCase))
                _false ??= utf8;
        }

        _takesNumbers = _numbers.Count > 0 || Feature.Kind is ColumnKind.Number or ColumnKind.Integer;
        if (Feature.Kind == ColumnKind.Boolean || _true is not null || _false is not null)
            (_true, _false) = (_true ?? "true"u8.ToArray(), _false ?? "false"u8.ToArray());
    }

    public override int ElementBytes => Unsafe.SizeOf<Utf8Range>();

    public override void Resize(int capacity) => Array.Resize(ref _ranges, capacity);

    public override void Read(ref Utf8JsonReader reader, int row)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                _ranges[row] = Copy(ref reader, row, _texts);
                if (_ranges[row].Length == 0)
                    SetMissing(row);
                break;
            case JsonTokenType.Number when _takesNumbers:
                _ranges[row] = _numbers.TryGetValue(reader.GetDouble(), out var category)
                    ? _texts.Add(category)
                    : _texts.Add(Encoding.UTF8.GetBytes(JsonTokens.TextOf(ref reader)));
                break;
            case JsonTokenType.True when _true is not null:
                _ranges[row] = _texts.Add(_true);
                break;
            case JsonTokenType.False when _false is not null:
                _ranges[row] = _texts.Add(_false);
                break;
            case JsonTokenType.Null:
                SetMissing(row);
                break;
            default:
                throw WrongType(ref reader, row, (_takesNumbers, _true is not null) switch
                {
                    (true, true) => "a string, a number or a boolean",
                    (true, false) => "a string or a number",
                    (false, true) => "a string or a boolean",
                    _ => "a string",
                });
        }
    }

    public override void SetMissing(int row)
    {
        if (Feature.Required)
            throw Missing(row);
        _ranges[row] = default;
    }

    public override void SetExample(int row) => _ranges[row] = Feature.Example switch
    {
        { ValueKind: JsonValueKind.String } text => _texts.Add(Encoding.UTF8.GetBytes(text.GetString()!)),
        { ValueKind: JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } other => _texts.Add(Encoding.UTF8.GetBytes(other.GetRawText())),
        _ => default,
    };

    public override void SetProbe(int row, bool second) =>
        _ranges[row] = Feature.Categories is { Count: > 0 } categories
            ? _texts.Add(Encoding.UTF8.GetBytes(second ? categories[^1] : categories[0]))
            : _texts.Add(second ? "second one"u8 : "first"u8);

    public override void Copy(InputColumn source, int from, int row)
    {
        var texts = (TextColumn)source;
        _ranges[row] = _texts.Add(texts._texts.Slice(texts._ranges[from]));
    }

    public override void Append(InputColumn source, int rows, int row)
    {
        var texts = (TextColumn)source;
        for (var i = 0; i < rows; i++)
            _ranges[row + i] = _texts.Add(texts._texts.Slice(texts._ranges[i]));
    }

    public override OrtValue CreateValue(int first, int rows) => OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, Plan.ShapeOf(rows));

    public override void Fill(OrtValue value, int first, int rows)
    {
        for (var row = 0; row < rows; row++)
            value.StringTensorSetElementAt(_texts.Slice(_ranges[first + row]), row);
    }
}
