using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Predictions;

/// <summary>Images, each given to the graph as the bytes of its JPEG or PNG file; one is run at a time, since they differ in length.</summary>
internal sealed class ImageColumn(FeaturePlan plan) : InputColumn(plan)
{
    /// <summary>256 × 256 black and white pixels, PNG.</summary>
    private const string Example =
        "iVBORw0KGgoAAAANSUhEUgAAAQAAAAEAAQAAAAB0CZXLAAAANElEQVR42u3KIQEAAAwCMPpHISURbi82vfQQQRAEQRAEQRAEQRAEQRAEQRAEQRAEQRCE32Gt" +
        "jEE8sFOueQAAAABJRU5ErkJggg==";

    private byte[][] _images = [];

    public override int ElementBytes => IntPtr.Size;

    /// <summary>Bytes of all images that were last read.</summary>
    public long HeldBytes => _images.Sum(i => i?.LongLength ?? 0);

    public override void Resize(int capacity) => Array.Resize(ref _images, capacity);

    public override void Read(ref Utf8JsonReader reader, int row)
    {
        if (reader.TokenType == JsonTokenType.Null)
            throw Missing(row);
        if (reader.TokenType != JsonTokenType.String)
            throw WrongType(ref reader, row, "the bytes of a JPEG or PNG file as a base64 string");
        if (!TryDecode(ref reader, out var bytes))
            throw new PredictionRequestException(PredictionError.BadImage, row, Feature.Name, "the string is not base64.");
        if (!ImageHeader.TryRead(bytes, out _, out var problem))
            throw new PredictionRequestException(PredictionError.BadImage, row, Feature.Name, problem + ".");
        Set(row, bytes);
    }

    public override void SetMissing(int row) => throw Missing(row);

    public override void SetExample(int row) => Set(row, Convert.FromBase64String(Example));

    public override void SetProbe(int row, bool second) => Set(row, Convert.FromBase64String(Example));

    public override void Append(InputColumn source, int rows, int row) => Array.Copy(((ImageColumn)source)._images, 0, _images, row, rows);

    public override void Copy(InputColumn source, int from, int row) => _images[row] = ((ImageColumn)source)._images[from];

    public override OrtValue CreateValue(int first, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows, 1);
        return PinnedTensor.Create(_images[first], 0, Plan.ElementType, [_images[first].Length]);
    }

    private static bool TryDecode(ref Utf8JsonReader reader, out byte[] bytes)
    {
        try
        {
            return reader.TryGetBytesFromBase64(out bytes!);
        }
        catch (InvalidOperationException)
        {
            // A surrogate without its other half.
            bytes = [];
            return false;
        }
    }

    private void Set(int row, byte[] bytes)
    {
        _images[row] = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(_images[row], 0);
    }
}
