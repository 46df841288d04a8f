using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Explanations;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

/// <summary>Everything at once: rows, tensors and explanations of several models, some of which leave, while models are dropped and evicted.</summary>
public sealed class ServingStressTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(BatchingMode.On, 1)]
    [InlineData(BatchingMode.Auto, 2)]
    [InlineData(BatchingMode.Off, 3)]
    public async Task Each_request_gets_what_it_would_get_alone_whatever_else_happens(BatchingMode mode, int seed)
    {
        var rounds = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 100 : 1;
        var source = new FileModelSource();
        var requests = Requests(source);
        await using (var alone = new ModelServer(source, new() { Batching = new() { Mode = BatchingMode.Off } }, TimeProvider.System))
        {
            foreach (var request in requests)
                request.Expected = await AnswerAsync(alone, request, CancellationToken.None);
        }

        // Room for three of the models, so that they take turns in memory.
        await using var server = new ModelServer(
            source,
            new() { MemoryBudgetBytes = 7 << 19, Batching = new() { Mode = mode, Lanes = 1, MaxRows = 16, MaxWaiting = 10_000, MaxWait = TimeSpan.FromHours(1), ShortRun = TimeSpan.Zero } },
            TimeProvider.System);
        var (answered, left) = (0, 0);

        for (var round = 0; round < rounds; round++)
        {
            await Parallel.ForAsync(0, 1200, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (i, _) =>
            {
                var random = new Random((seed * 1_000_000) + (round * 10_000) + i);
                var request = requests[random.Next(requests.Count)];
                if (random.Next(40) == 0)
                    server.Remove(request.Model);
                if (random.Next(200) == 0)
                    server.Shrink();
                var leaves = random.Next(4) == 0;
                using var leaving = new CancellationTokenSource();
                var answer = Task.Run(() => AnswerAsync(server, request, leaving.Token), CancellationToken.None);
                if (leaves)
                {
                    Thread.SpinWait(random.Next(20_000));
                    await leaving.CancelAsync();
                }

                try
                {
                    Assert.Equal(request.Expected, await answer.WaitAsync(Patience, CancellationToken.None));
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException) when (leaves)
                {
                    Interlocked.Increment(ref left);
                }
            });
        }

        Assert.Equal(1200 * rounds, answered + left);
        Assert.True(answered >= 800 * rounds);
        Assert.True(server.GetStatistics().Evictions > 0);
    }

    private static List<Request> Requests(FileModelSource source)
    {
        var requests = new List<Request>();
        var (penguins, regression, centered, sums, texts) = (
            source.Add(TestModels.StringLabel), source.Add(TestModels.Regression), source.Add(TestModels.Centered),
            source.Add(TestModels.Tensors("sum-difference")), source.Add(TestModels.Tensors("identity-bytes")));
        foreach (var rows in new[] { 1, 3, 50 })
        {
            for (var first = 0; first < 4; first++)
            {
                var numbers = Enumerable.Range((7 * first) + rows, rows).ToArray();
                requests.Add(new(Kind.Rows, penguins, RowsOf(numbers.Select(i => $$"""{"length":{{35 + (i % 20)}},"mass":{{i % 5}},"island":"{{(i % 2 == 0 ? "Dream" : "Biscoe")}}"}"""))));
                requests.Add(new(Kind.Rows, regression, RowsOf(numbers.Select(i => $$"""{"length":{{i}},"mass":{{i + 1}}}"""))));
                requests.Add(new(Kind.Rows, centered, RowsOf(numbers.Select(i => $$"""{"x":{{i}}}"""))));
                requests.Add(new(Kind.Tensors, regression, Tensors(Tensor("length", rows, 1, "FP32", numbers.Select(i => $"{i}")), Tensor("mass", rows, 1, "FP32", numbers.Select(i => $"{-i}")))));
                requests.Add(new(Kind.Tensors, centered, Tensors(Tensor("x", rows, 1, "FP32", numbers.Select(i => $"{i}")))));
                requests.Add(new(Kind.Tensors, sums, Tensors(
                    Tensor("INPUT0", rows, 16, "INT32", numbers.SelectMany(i => Enumerable.Range(i, 16)).Select(i => $"{i}")),
                    Tensor("INPUT1", rows, 16, "INT32", Enumerable.Repeat($"{first}", 16 * rows)))));
                requests.Add(new(Kind.Tensors, texts, Tensors(Tensor("x", rows, 2, "BYTES", numbers.SelectMany(i => new[] { $"\"é{i}\"", "\"\"" })))));
            }
        }

        requests.Add(new(Kind.Explanation, regression, """{"rows":[{"length":4,"mass":3},{"length":1,"mass":2}]}"""));
        requests.Add(new(Kind.Explanation, centered, """{"rows":[{"x":4},{"x":9},{"x":2}]}"""));
        return requests;

        static string RowsOf(IEnumerable<string> rows) => $$"""{"rows":[{{string.Join(',', rows)}}]}""";

        static string Tensors(params string[] inputs) => $$"""{"inputs":[{{string.Join(',', inputs)}}]}""";

        static string Tensor(string name, int rows, int width, string datatype, IEnumerable<string> data) =>
            $$"""{"name":"{{name}}","shape":[{{rows}},{{width}}],"datatype":"{{datatype}}","data":[{{string.Join(',', data)}}]}""";
    }

    private static async Task<string> AnswerAsync(ModelServer server, Request request, CancellationToken cancellationToken)
    {
        using var lease = await server.AcquireAsync(request.Model, cancellationToken);
        var body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(request.Body));
        var response = new ArrayBufferWriter<byte>();
        switch (request.Kind)
        {
            case Kind.Rows:
                await new Predictor(TimeProvider.System).PredictAsync(lease, body, response, new("r", "m", 1), cancellationToken);
                break;
            case Kind.Tensors:
                using (var answer = await new InferenceEngine(new(), TimeProvider.System).InferAsync(lease, body, null, "m", "1", timeout: null, cancellationToken))
                    answer.WriteTo(response);
                break;
            default:
                var background = Encoding.UTF8.GetBytes(request.Body.Contains("length", StringComparison.Ordinal)
                    ? """{"rows":[{"length":0,"mass":1},{"length":2,"mass":5}]}"""
                    : """{"rows":[{"x":1},{"x":3}]}""");
                await Explainer.ExplainAsync(lease, body, background, response, new("r", "m", 1), new(), cancellationToken);
                break;
        }

        return Rounded(JsonDocument.Parse(response.WrittenMemory).RootElement);
    }

    /// <summary>A kernel may add up in another order for another number of rows, so that the last digits differ.</summary>
    private static string Rounded(JsonElement answer) => answer.ValueKind switch
    {
        JsonValueKind.Object => string.Join(',', answer.EnumerateObject().Select(p => $"{p.Name}:{Rounded(p.Value)}")),
        JsonValueKind.Array => string.Join(';', answer.EnumerateArray().Select(Rounded)),
        JsonValueKind.Number => answer.GetDouble().ToString("F3", CultureInfo.InvariantCulture),
        _ => answer.GetRawText(),
    };

    private enum Kind
    {
        Rows,
        Tensors,
        Explanation,
    }

    private sealed record Request(Kind Kind, ModelReference Model, string Body)
    {
        public string Expected { get; set; } = "";
    }
}
