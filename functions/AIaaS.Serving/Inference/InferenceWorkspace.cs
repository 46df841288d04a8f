using System.Buffers;
using System.Text.Json;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Inference;

/// <param name="Output">Index of the output.</param>
/// <param name="IsBinary">Whether it is given as binary data; null where the request says so for all.</param>
/// <param name="Classes">How many classes are asked for; 0 for the tensor itself.</param>
internal readonly record struct OutputRequest(int Output, bool? IsBinary, int Classes);

/// <summary>All that one request needs at a time; it serves one request after another.</summary>
internal sealed class InferenceWorkspace : IDisposable
{
    /// <summary>More dimensions than any operator takes.</summary>
    public const int MaxRank = 32;

    /// <summary>What a text costs beside its own bytes.</summary>
    private const int TextBytes = 64;

    private const int MaxKeptScratch = 1 << 20;

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = PredictionPlan.Encoder, SkipValidation = true };

    private readonly TensorArena _arena = new();
    private readonly long[] _shape = new long[MaxRank];
    private OrtValue?[] _values = [];
    private long[][] _shapes = [];
    private long[] _symbols = [];
    private byte[] _scratch = [];
    private byte[] _joined = [];
    private long _maxBytes;
    private int _inputs;

    public InferenceWorkspace() => Writer = new(Json, WriterOptions);

    /// <summary>The answer's JSON.</summary>
    public PooledBuffer Json { get; } = new();

    public Utf8JsonWriter Writer { get; }

    /// <summary>Texts that stand for classes.</summary>
    public Utf8Arena ClassTexts { get; } = new();

    public List<Utf8Range> ClassRanges { get; } = [];

    /// <summary>Outputs that the request names; none for all.</summary>
    public List<OutputRequest> Requested { get; } = [];

    /// <summary>The texts of one output at a time.</summary>
    public TextTensor OutputTexts { get; } = new();

    /// <summary>Texts that are answered as binary data, each after its length.</summary>
    public PooledBuffer BinaryTexts { get; } = new();

    /// <summary>Binary data that follows the answer's JSON.</summary>
    public List<BinaryPart> BinaryParts { get; } = [];

    /// <summary>Inputs that come as binary data, in the request's order, with their announced sizes.</summary>
    public List<(int Input, long Bytes, long[] Shape)> BinaryInputs { get; } = [];

    public string? Id { get; set; }

    /// <summary>Whether outputs are binary data unless they say otherwise.</summary>
    public bool BinaryOutputs { get; set; }

    /// <summary>The shape that is being read.</summary>
    public Span<long> ShapeBuffer => _shape;

    public void Begin(InferencePlan plan, long maxTensorBytes)
    {
        _inputs = plan.Inputs.Length;
        if (_values.Length < _inputs)
        {
            Array.Resize(ref _values, _inputs);
            Array.Resize(ref _shapes, _inputs);
        }

        if (_symbols.Length < plan.Symbols)
            _symbols = new long[plan.Symbols];
        _symbols.AsSpan(0, plan.Symbols).Fill(-1);
        _maxBytes = maxTensorBytes;
        (Id, BinaryOutputs, InputBytes) = (null, false, 0);
    }

    /// <summary>Memory for the inputs that are given; a text counts as much as it has beside its own bytes.</summary>
    public long InputBytes { get; private set; }

    public bool IsGiven(int input) => _values[input] is not null;

    /// <summary>The inputs' tensors, all of them given.</summary>
    public OrtValue[] TakeValues() => [.. _values.AsSpan(0, _inputs)!];

    /// <summary>The bytes of an input of fixed-size elements.</summary>
    public ReadOnlySpan<byte> ElementsOf(int input) => _values[input]!.GetTensorMutableRawData();

    public ReadOnlySpan<long> ShapeOf(int input) => _shapes[input];

    /// <summary>Makes a text tensor.</summary>
    public OrtValue AddTexts(int input, ReadOnlySpan<long> shape, int count)
    {
        Charge((long)count * TextBytes);
        return _values[input] = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, Keep(input, shape));
    }

    /// <summary>Makes a tensor of fixed-size elements, and gives its uninitialized memory.</summary>
    public Span<byte> AddElements(int input, Datatype datatype, ReadOnlySpan<long> shape, int count)
    {
        Charge((long)count * datatype.Size);
        var memory = _arena.Allocate(count * datatype.Size, out var address);
        _values[input] = OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, datatype.ElementType, Keep(input, shape), address, memory.Length);
        return memory;
    }

    /// <summary>Notes the length of a named dimension.</summary>
    /// <returns>The length that another input gave it before, where that is another one; else -1.</returns>
    public long Agree(int symbol, long length)
    {
        if (_symbols[symbol] < 0)
            _symbols[symbol] = length;
        return _symbols[symbol] == length ? -1 : _symbols[symbol];
    }

    /// <summary>Memory for one text at a time.</summary>
    public Span<byte> Scratch(int length)
    {
        if (_scratch.Length < length)
            _scratch = GC.AllocateUninitializedArray<byte>(Math.Max(256, length));
        return _scratch.AsSpan(0, length);
    }

    /// <summary>Copies what came in pieces into one.</summary>
    public ReadOnlySpan<byte> Join(in ReadOnlySequence<byte> pieces)
    {
        var length = checked((int)pieces.Length);
        if (_joined.Length < length)
            _joined = GC.AllocateUninitializedArray<byte>(Math.Max(4096, length));
        pieces.CopyTo(_joined);
        return _joined.AsSpan(0, length);
    }

    public void Clear()
    {
        for (var i = 0; i < _inputs; i++)
        {
            _values[i]?.Dispose();
            _values[i] = null;
        }

        _inputs = 0;
        _arena.Clear();
        Json.Clear();
        // It may hold a part that was not flushed, where writing failed.
        Writer.Reset(Json);
        ClassTexts.Clear();
        ClassRanges.Clear();
        Requested.Clear();
        BinaryInputs.Clear();
        BinaryParts.Clear();
        BinaryTexts.Clear();
        OutputTexts.Clear();
        if (_scratch.Length > MaxKeptScratch)
            _scratch = [];
        if (_joined.Length > MaxKeptScratch)
            _joined = [];
    }

    public void Dispose()
    {
        Clear();
        Writer.Dispose();
    }

    private long[] Keep(int input, ReadOnlySpan<long> shape) =>
        _shapes[input] is { } same && shape.SequenceEqual(same) ? same : _shapes[input] = shape.ToArray();

    private void Charge(long bytes)
    {
        InputBytes += bytes;
        if (InputBytes > _maxBytes)
            throw new InferenceRequestException("The inputs need more memory than one request may have. Send fewer rows at once.");
    }
}
