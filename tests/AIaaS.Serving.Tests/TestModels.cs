using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Tests;

/// <summary>An ONNX file and its signature.</summary>
/// <param name="File">Its name among those of <c>Models/make_models.py</c>.</param>
/// <param name="Signature">What it takes and gives.</param>
internal sealed record TestModel(string File, ModelSignature Signature)
{
    private readonly byte[]? _content;

    public TestModel(byte[] content, ModelSignature signature)
        : this("made", signature) => _content = content;

    public byte[] Read() => _content ?? System.IO.File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Models", File + ".onnx"));
}

internal static class TestModels
{
    private static readonly ModelFeature[] Penguin =
    [
        Feature("length") with { Example = Json("44.5") },
        Feature("mass"),
        Feature("island", ColumnKind.Category, TensorType.String) with { Categories = ["Biscoe", "Dream", "Torgersen"] },
    ];

    public static TestModel StringLabel { get; } = new("string-label", Classifier(
        TensorType.String, new("species", ColumnKind.Category, [Json("\"Adelie\""), Json("\"Chinstrap\""), Json("\"Gentoo \\\"G\\\"\"")]), Penguin));

    public static TestModel IntegerLabel { get; } = new("integer-label", Classifier(
        TensorType.Int64, new("code", ColumnKind.Integer, [Json("10"), Json("20"), Json("30")]), Penguin));

    public static TestModel BooleanLabel { get; } = new("boolean-label", Classifier(
        TensorType.Bool, new("positive", ColumnKind.Boolean, [Json("false"), Json("true")]), [Feature("score") with { Required = true, Example = Json("1") }]));

    public static TestModel Regression { get; } = new("regression", new()
    {
        Task = LearningTask.Regression,
        Inputs = [Feature("length"), Feature("mass")],
        Outputs = [new("value", OutputRole.Value, TensorType.Float32, [-1])],
        Target = new("price", ColumnKind.Number),
    });

    /// <summary>Gives every input back under its name and <c>_out</c>.</summary>
    public static TestModel Echo { get; } = new("echo", EchoSignature());

    public static TestModel Failing { get; } = new("failing", new()
    {
        Task = LearningTask.Regression,
        Inputs = [Feature("index", ColumnKind.Integer, TensorType.Int64)],
        Outputs = [new("value", OutputRole.Value, TensorType.Float32, [-1])],
    });

    public static TestModel OneRow { get; } = new("one-row", OneNumber());

    public static TestModel Mean { get; } = new("mean", OneNumber());

    public static TestModel Centered { get; } = new("centered", OneNumber());

    /// <summary>Gives for each row the sum of the rows up to it.</summary>
    public static TestModel RunningSum { get; } = new("running-sum", OneNumber());

    /// <summary>Gives a row's number back after some milliseconds.</summary>
    public static TestModel Slow { get; } = new("slow", OneNumber());

    public static TestModel TenNumbers { get; } = new("ten-numbers", Classifier(
        TensorType.String, new("answer", ColumnKind.Category, [Json("\"no\""), Json("\"yes\"")]), [.. Enumerable.Range(0, 10).Select(i => Feature($"x{i}"))]));

    /// <summary>A model that has no features, and so takes tensors only.</summary>
    public static TestModel Tensors(string file) => new(file, new()
    {
        Task = LearningTask.Regression,
        Inputs = [],
        Outputs = [new("y", OutputRole.Other, TensorType.Float32, [-1])],
    });

    public static ModelFeature Feature(string name, ColumnKind kind = ColumnKind.Number, TensorType type = TensorType.Float32) =>
        new() { Name = name, Kind = kind, Input = name, Type = type };

    /// <summary>The echo model with some of its features changed.</summary>
    public static TestModel EchoWith(params ModelFeature[] changed) => Echo with
    {
        Signature = Echo.Signature with { Inputs = [.. Echo.Signature.Inputs.Select(f => changed.FirstOrDefault(c => c.Input == f.Input) ?? f)] },
    };

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    private static ModelSignature Classifier(TensorType label, ModelTarget target, ModelFeature[] features) => new()
    {
        Task = LearningTask.Classification,
        Inputs = features,
        Outputs =
        [
            new("label", OutputRole.Label, label, [-1]),
            new("probabilities", OutputRole.Probabilities, TensorType.Float32, [-1, target.Classes!.Count]),
        ],
        Target = target,
    };

    private static ModelSignature OneNumber() => new()
    {
        Task = LearningTask.Regression,
        Inputs = [Feature("x")],
        Outputs = [new("value", OutputRole.Value, TensorType.Float32, [-1])],
    };

    private static ModelSignature EchoSignature()
    {
        (string, ColumnKind, TensorType)[] kinds =
        [
            ("float32", ColumnKind.Number, TensorType.Float32),
            ("float64", ColumnKind.Number, TensorType.Float64),
            ("int32", ColumnKind.Integer, TensorType.Int32),
            ("int64", ColumnKind.Integer, TensorType.Int64),
            ("bool", ColumnKind.Boolean, TensorType.Bool),
            ("string", ColumnKind.Category, TensorType.String),
            ("uint8", ColumnKind.Integer, TensorType.Uint8),
        ];
        return new()
        {
            Task = LearningTask.Regression,
            Inputs = [.. kinds.Select(k => Feature(k.Item1, k.Item2, k.Item3))],
            Outputs = [.. kinds.Select(k => new ModelOutput(k.Item1 + "_out", OutputRole.Other, k.Item3, [-1, 1]))],
        };
    }
}

/// <summary>Models in memory, counting how often each is opened; a gate can hold the opening back.</summary>
internal sealed class FileModelSource : IModelSource
{
    private readonly Dictionary<ModelReference, (byte[] File, ModelSignature Signature)> _models = [];
    private int _opened;
    private int _filesOpened;

    public int Opened => Volatile.Read(ref _opened);

    public int FilesOpened => Volatile.Read(ref _filesOpened);

    public Func<ModelReference, CancellationToken, Task> Opening { get; set; } = (_, _) => Task.CompletedTask;

    public ModelReference Add(TestModel model, string id = "default/model", int version = 1, byte[]? file = null)
    {
        file ??= model.Read();
        return Add(model.Signature, file, new(id, version, Convert.ToHexStringLower(SHA256.HashData(file))));
    }

    public ModelReference Add(ModelSignature signature, byte[] file, ModelReference reference)
    {
        _models[reference] = (file, signature);
        return reference;
    }

    public void Replace(ModelReference reference, TestModel model) => _models[reference] = (model.Read(), model.Signature);

    public async Task<ModelSignature> ReadSignatureAsync(ModelReference model, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _opened);
        await Opening(model, cancellationToken);
        return Find(model).Signature;
    }

    /// <summary>What comes before a file's bytes.</summary>
    public Func<ModelReference, Task> Reading { get; set; } = _ => Task.CompletedTask;

    public Task<ModelFile> OpenFileAsync(ModelReference model, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _filesOpened);
        var file = Find(model).File;
        return Task.FromResult(new ModelFile(new HeldStream(file, () => Reading(model)), file.Length));
    }

    private (byte[] File, ModelSignature Signature) Find(ModelReference model) =>
        _models.TryGetValue(model, out var found) ? found : throw new FileNotFoundException("There is no such model.");
}

internal sealed class HeldStream(byte[] file, Func<Task> reading) : MemoryStream(file, writable: false)
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await reading().WaitAsync(cancellationToken);
        return await base.ReadAsync(buffer, cancellationToken);
    }
}

/// <summary>Time that passes only when a test says so.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _ticks = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).Ticks;

    public override DateTimeOffset GetUtcNow() => new(Volatile.Read(ref _ticks), TimeSpan.Zero);

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
