using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Tests;

/// <summary>A model that is served by the Open Inference Protocol, and requests to it as they go over the wire.</summary>
internal sealed class InferenceClient : IAsyncDisposable
{
    private readonly ModelServer _server;
    private readonly InferenceEngine _engine;

    private InferenceClient(ModelServer server, ModelLease lease, InferenceOptions options) =>
        (_server, Lease, _engine) = (server, lease, new(options, TimeProvider.System));

    public ModelLease Lease { get; }

    public static async Task<InferenceClient> StartAsync(TestModel model, InferenceOptions? options = null, BatchingOptions? batching = null)
    {
        var source = new FileModelSource();
        var server = new ModelServer(source, new() { Batching = batching ?? new() }, TimeProvider.System);
        return new(server, await server.AcquireAsync(source.Add(model), CancellationToken.None), options ?? new());
    }

    public static Task<InferenceClient> StartAsync(string tensors, BatchingOptions? batching = null) =>
        StartAsync(TestModels.Tensors(tensors), batching: batching);

    public Task<WireAnswer> InferAsync(string json, params byte[] binary) =>
        InferAsync([.. Encoding.UTF8.GetBytes(json), .. binary], binary.Length == 0 ? null : Encoding.UTF8.GetByteCount(json));

    public Task<WireAnswer> InferAsync(byte[] body, long? headerLength) => InferAsync(new ReadOnlySequence<byte>(body), headerLength);

    public async Task<WireAnswer> InferAsync(
        ReadOnlySequence<byte> body, long? headerLength, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        using var answer = await _engine.InferAsync(Lease, body, headerLength, "some-model", "3", timeout, cancellationToken);
        var written = new ArrayBufferWriter<byte>();
        answer.WriteTo(written);
        Assert.Equal(answer.Length, written.WrittenCount);
        var json = answer.HeaderLength ?? written.WrittenCount;
        return new(JsonDocument.Parse(written.WrittenMemory[..json]).RootElement, written.WrittenMemory[json..].ToArray(), answer.HeaderLength);
    }

    public async Task<string> RefuseAsync(string json, params byte[] binary) =>
        (await Assert.ThrowsAsync<InferenceRequestException>(() => InferAsync(json, binary))).Message;

    public async ValueTask DisposeAsync()
    {
        Lease.Dispose();
        await _server.DisposeAsync();
    }
}

/// <param name="Json">The JSON object.</param>
/// <param name="Binary">What follows it.</param>
/// <param name="HeaderLength">As sent in Inference-Header-Content-Length.</param>
internal sealed record WireAnswer(JsonElement Json, byte[] Binary, int? HeaderLength)
{
    public JsonElement Output(string name) => Json.GetProperty("outputs").EnumerateArray().Single(o => o.GetProperty("name").GetString() == name);

    public string Data(string name) => Output(name).GetProperty("data").GetRawText();
}

internal static class Wire
{
    /// <summary>Texts, each after its length.</summary>
    public static byte[] Texts(params byte[][] texts)
    {
        var bytes = new List<byte>();
        foreach (var text in texts)
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
            bytes.AddRange([.. length, .. text]);
        }

        return [.. bytes];
    }

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    public static byte[] Integers(params int[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
