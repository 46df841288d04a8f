using System.Numerics;
using System.Text.Json;
using AIaaS.Serving.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Predictions;

/// <summary>The values of one graph output, and how they are written.</summary>
internal abstract class OutputColumn(OutputPlan plan) : IDisposable
{
    public OutputPlan Plan { get; } = plan;

    public abstract int ElementBytes { get; }

    public static OutputColumn Create(OutputPlan plan) => plan.ElementType switch
    {
        TensorElementType.Float => new NumberOutput<float>(plan),
        TensorElementType.Double => new NumberOutput<double>(plan),
        TensorElementType.Int32 => new NumberOutput<int>(plan),
        TensorElementType.Int64 => new NumberOutput<long>(plan),
        TensorElementType.UInt8 => new NumberOutput<byte>(plan),
        TensorElementType.Bool => new BooleanOutput(plan),
        TensorElementType.String => new TextOutput(plan),
        _ => throw new ArgumentOutOfRangeException(nameof(plan), plan.ElementType, null),
    };

    /// <summary>Makes the tensor that the model writes some rows to; it lives until the first rows are made anew.</summary>
    /// <param name="first">The first of these rows.</param>
    /// <param name="rows">Their number.</param>
    /// <param name="all">All rows that there will be.</param>
    public abstract OrtValue CreateValue(int first, int rows, int all);

    public abstract void Dispose();

    /// <summary>Memory held beside the tensor, in bytes.</summary>
    public virtual long HeldBytes => 0;

    /// <summary>Called after each run, before anything is written.</summary>
    /// <param name="first">The first row that ran; rows run in their order.</param>
    /// <param name="rows">Their number.</param>
    public virtual void Fetch(int first, int rows)
    {
    }

    /// <summary>Writes one element; numbers that are not finite as null, since JSON has none.</summary>
    public abstract void WriteElement(Utf8JsonWriter writer, int index);

    /// <summary>Writes a row's element as a class, in the JSON type of the target column.</summary>
    public virtual void WriteLabel(Utf8JsonWriter writer, int row, PredictionPlan plan) => WriteElement(writer, row);
}

internal abstract class PinnedOutput<T>(OutputPlan plan) : OutputColumn(plan)
    where T : unmanaged
{
    private OrtValue? _value;

    protected T[] Values { get; private set; } = [];

    public override unsafe int ElementBytes => sizeof(T);

    public override OrtValue CreateValue(int first, int rows, int all)
    {
        _value?.Dispose();
        var length = checked(all * Plan.Width);
        if (Values.Length < length)
            Values = GC.AllocateUninitializedArray<T>(length, pinned: true);
        return _value = PinnedTensor.Create(Values, first * Plan.Width, Plan.ElementType, Plan.ShapeOf(rows));
    }

    public override void Dispose() => _value?.Dispose();
}

internal sealed class NumberOutput<T>(OutputPlan plan) : PinnedOutput<T>(plan)
    where T : unmanaged, INumber<T>
{
    public override void WriteElement(Utf8JsonWriter writer, int index)
    {
        var value = Values[index];
        if (!T.IsFinite(value))
            writer.WriteNullValue();
        else if (value is float single)
            writer.WriteNumberValue(single);
        else if (value is double number)
            writer.WriteNumberValue(number);
        else
            writer.WriteNumberValue(long.CreateTruncating(value));
    }

    public override void WriteLabel(Utf8JsonWriter writer, int row, PredictionPlan plan)
    {
        var value = Values[row];
        // A graph that decides for a class that is no number gives the class's index.
        if (plan.Classes.Length > 0 && !plan.Classes[0].IsNumber && T.IsInteger(value)
            && value >= T.Zero && value < T.CreateSaturating(plan.Classes.Length))
            writer.WriteRawValue(plan.Classes[int.CreateTruncating(value)].Json, skipInputValidation: true);
        else
            WriteElement(writer, row);
    }
}

internal sealed class BooleanOutput(OutputPlan plan) : PinnedOutput<bool>(plan)
{
    public override void WriteElement(Utf8JsonWriter writer, int index) => writer.WriteBooleanValue(Values[index]);

    public override void WriteLabel(Utf8JsonWriter writer, int row, PredictionPlan plan)
    {
        if (plan.Classes.Length == 2)
            writer.WriteRawValue(plan.Classes[Values[row] ? 1 : 0].Json, skipInputValidation: true);
        else
            WriteElement(writer, row);
    }
}

internal sealed class TextOutput(OutputPlan plan) : OutputColumn(plan)
{
    private readonly TextTensor _texts = new();
    private OrtValue? _value;

    public override unsafe int ElementBytes => sizeof(nint) * 4;

    public override long HeldBytes => _texts.HeldBytes;

    public override OrtValue CreateValue(int first, int rows, int all)
    {
        _value?.Dispose();
        return _value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, Plan.ShapeOf(rows));
    }

    public override void Dispose() => _value?.Dispose();

    public override void Fetch(int first, int rows)
    {
        if (first == 0)
            _texts.Clear();
        _texts.Add(_value!, rows * Plan.Width);
    }

    public override void WriteElement(Utf8JsonWriter writer, int index) => writer.WriteStringValue(_texts[index]);

    public override void WriteLabel(Utf8JsonWriter writer, int row, PredictionPlan plan)
    {
        var text = _texts[row];
        if (plan.FindClass(text) is >= 0 and var index)
            writer.WriteRawValue(plan.Classes[index].Json, skipInputValidation: true);
        else
            writer.WriteStringValue(text);
    }
}
