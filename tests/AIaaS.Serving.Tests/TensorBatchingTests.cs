using System.Buffers;
using System.Text;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Inference;

namespace AIaaS.Serving.Tests;

public sealed class TensorBatchingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly BatchingOptions OneLane = new() { Mode = BatchingMode.On, Lanes = 1 };

    [Fact]
    public async Task Tensors_that_wait_run_together_and_get_what_they_would_get_alone()
    {
        await using var client = await InferenceClient.StartAsync("sum-difference", OneLane);

        var answers = await TogetherAsync(client, [.. Enumerable.Range(1, 5).Select(i => Sums(rows: i, value: 100 * i))]);

        Assert.Equal(Enumerable.Range(1, 5).Select(i => Repeated(i * 16, 101 * i)), answers.Select(a => a.Data("OUTPUT0")));
        Assert.Equal(Enumerable.Range(1, 5).Select(i => Repeated(i * 16, 99 * i)), answers.Select(a => a.Data("OUTPUT1")));
        Assert.Equal(new RunStatistics(1, 5, 15, 1, 15), client.Lease.Runs);
    }

    [Theory]
    [InlineData("bytes", "BYTES", "\"é{0}\",\"\"")]
    [InlineData("fp16", "FP16", "{0},0.5")]
    [InlineData("bool", "BOOL", "true,false")]
    [InlineData("int64", "INT64", "{0},9007199254740993")]
    public async Task Tensors_of_any_datatype_run_together(string name, string datatype, string row)
    {
        await using var client = await InferenceClient.StartAsync("identity-" + name, OneLane);
        var rows = Enumerable.Range(1, 4).Select(i => row.Replace("{0}", $"{i}", StringComparison.Ordinal)).ToArray();

        var answers = await TogetherAsync(client, [.. rows.Select(data => Request(datatype, "[1,2]", data))]);

        Assert.Equal(rows.Select(data => $"[{data}]"), answers.Select(a => Unescaped(a.Data("y"))));
        Assert.Equal(1, client.Lease.Runs.JoinedRuns);
    }

    [Fact]
    public async Task Tensors_with_rows_of_another_shape_run_by_themselves()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32", OneLane);

        var answers = await TogetherAsync(client, [Request("FP32", "[1,2]", "1,2"), Request("FP32", "[1,3]", "1,2,3"), Request("FP32", "[1,3]", "4,5,6")]);

        Assert.Equal(["[1,2]", "[1,2,3]", "[4,5,6]"], answers.Select(a => a.Data("y")));
        Assert.Equal((2, 1), (client.Lease.Runs.Runs, client.Lease.Runs.JoinedRuns));
    }

    [Fact]
    public async Task Requests_for_other_outputs_run_by_themselves()
    {
        await using var client = await InferenceClient.StartAsync("sum-difference", OneLane);

        var answers = await TogetherAsync(client, [Sums(1, 5, "OUTPUT0"), Sums(1, 5, "OUTPUT1"), Sums(1, 7, "OUTPUT1")]);

        Assert.Equal([Repeated(16, 6), Repeated(16, 4), Repeated(16, 6)], answers.Select(a => a.Json.GetProperty("outputs")[0].GetProperty("data").GetRawText()));
        Assert.Equal((2, 1), (client.Lease.Runs.Runs, client.Lease.Runs.JoinedRuns));
    }

    [Fact]
    public async Task Tensors_of_a_model_with_features_run_together()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.Regression, batching: OneLane);

        var answers = await TogetherAsync(client, [.. Enumerable.Range(0, 3).Select(i => $$"""
            {"inputs":[{"name":"length","shape":[1,1],"datatype":"FP32","data":[{{i}}]},{"name":"mass","shape":[1,1],"datatype":"FP32","data":[1]}]}
            """)]);

        Assert.Equal([-0.5, 1.5, 3.5], answers.Select(a => a.Output("value").GetProperty("data")[0].GetDouble()));
        Assert.Equal((1, 1), (client.Lease.Runs.Runs, client.Lease.Runs.JoinedRuns));
    }

    [Theory]
    [InlineData("fp32", "FP32", "{0},-1")]
    [InlineData("bytes", "BYTES", "\"{0}\",\"\"")]
    public async Task Tensors_with_many_rows_run_in_parts_and_are_answered_whole(string name, string datatype, string row)
    {
        await using var client = await InferenceClient.StartAsync("identity-" + name, OneLane with { MaxRows = 7, Turn = TimeSpan.FromHours(1) });
        var data = string.Join(',', Enumerable.Range(0, 50).Select(i => row.Replace("{0}", $"{i}", StringComparison.Ordinal)));

        var answer = await client.InferAsync(Request(datatype, "[50,2]", data)).WaitAsync(Patience);

        Assert.Equal($"[{data}]", answer.Data("y"));
        Assert.Equal(new RunStatistics(8, 8, 50, 0, 7), client.Lease.Runs);
    }

    [Theory]
    [InlineData("fp32", "FP32")]
    [InlineData("bytes", "BYTES")]
    public async Task Rows_without_elements_run_in_parts_and_together_as_others_do(string name, string datatype)
    {
        await using var client = await InferenceClient.StartAsync("identity-" + name, OneLane with { MaxRows = 7, Turn = TimeSpan.FromHours(1) });

        var large = await client.InferAsync(Request(datatype, "[50,0]", "")).WaitAsync(Patience);
        var together = await TogetherAsync(client, [Request(datatype, "[1,0]", ""), Request(datatype, "[2,0]", "")]);

        Assert.Equal("[50,0]", large.Output("y").GetProperty("shape").GetRawText());
        Assert.Equal(["[1,0]", "[2,0]"], together.Select(a => a.Output("y").GetProperty("shape").GetRawText()));
    }

    [Fact]
    public async Task Small_requests_take_turns_with_the_parts_of_large_tensors()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32", OneLane with { MaxRows = 10, Turn = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        var finished = new List<string>();
        var large = NoteAsync("large", client.InferAsync(Request("FP32", "[100,1]", string.Join(',', Enumerable.Range(0, 100)))));
        var small = NoteAsync("small", client.InferAsync(Request("FP32", "[1,1]", "1")));

        model.Queue.Exit(model);
        await Task.WhenAll(large, small).WaitAsync(Patience);

        Assert.Equal(["small", "large"], finished);

        async Task NoteAsync(string name, Task request)
        {
            await request.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            lock (finished)
                finished.Add(name);
        }
    }

    [Fact]
    public async Task Tensors_whose_rows_depend_on_one_another_run_whole()
    {
        await using var client = await InferenceClient.StartAsync("running-sum", OneLane with { MaxRows = 2, Turn = TimeSpan.FromHours(1) });

        var answers = await TogetherAsync(client, [Running("1,1,1,1"), Running("2,2")]);

        Assert.Equal(["[1,2,3,4]", "[2,4]"], answers.Select(a => a.Data("value")));

        static string Running(string data) => $$"""{"inputs":[{"name":"x","shape":[{{data.Split(',').Length}},1],"datatype":"FP32","data":[{{data}}]}]}""";
    }

    [Fact]
    public async Task Tensors_that_are_scaled_by_the_largest_of_all_rows_run_by_themselves()
    {
        await using var client = await InferenceClient.StartAsync("quantized", OneLane);

        var answers = await TogetherAsync(client, [Request("FP32", "[1,4]", "0,0.1,0.2,0.3"), Request("FP32", "[1,4]", "0,100,200,300")]);

        Assert.Equal(0.1, answers[0].Output("y").GetProperty("data")[1].GetDouble(), 2);
        Assert.Equal((2, 0), (client.Lease.Runs.Runs, client.Lease.Runs.JoinedRuns));
    }

    [Fact]
    public async Task Whole_numbers_that_are_scaled_by_the_largest_of_all_rows_run_by_themselves()
    {
        await using var client = await InferenceClient.StartAsync("shares", OneLane);

        var answers = await TogetherAsync(client, [Request("INT64", "[1,4]", "1,2,3,4"), Request("INT64", "[1,4]", "10,20,30,400")]);

        Assert.Equal(["[0.25,0.5,0.75,1]", "[0.025,0.05,0.075,1]"], answers.Select(a => a.Data("y")));
    }

    [Fact]
    public async Task Whole_numbers_that_are_indexes_of_little_run_together()
    {
        await using var client = await InferenceClient.StartAsync("table", OneLane);

        var answers = await TogetherAsync(client, [At(2, 5), At(0, 7)]);

        Assert.Equal(["[35]", "[17]"], answers.Select(a => a.Data("y")));
        Assert.Equal(1, client.Lease.Runs.JoinedRuns);

        static string At(int index, int x) =>
            $$"""{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[{{index}}]},{"name":"x","shape":[1],"datatype":"INT64","data":[{{x}}]}]}""";
    }

    [Fact]
    public async Task Rows_that_turn_out_to_depend_on_one_another_are_run_whole_from_then_on()
    {
        await using var client = await InferenceClient.StartAsync("below-ten", OneLane with { MaxRows = 2, Turn = TimeSpan.FromHours(1) });

        var large = await client.InferAsync(Below("1,2,3,40,5,60,7")).WaitAsync(Patience);
        var ofLarge = client.Lease.Runs;
        var runs = ofLarge.Runs;
        var together = await TogetherAsync(client, [Below("1"), Below("20"), Below("3")]);

        Assert.Equal("[1,2,3,5,7]", large.Data("y"));
        Assert.Equal(["[1]", "[]", "[3]"], together.Select(a => a.Data("y")));
        Assert.Equal((2, 9), (ofLarge.Runs, ofLarge.Rows));
        Assert.Equal((3, 0), (client.Lease.Runs.Runs - runs, client.Lease.Runs.JoinedRuns));
    }

    [Fact]
    public async Task Rows_that_turn_out_to_depend_on_one_another_while_they_run_together_are_run_again_by_themselves()
    {
        await using var client = await InferenceClient.StartAsync("below-ten", OneLane);

        var together = await TogetherAsync(client, [Below("1"), Below("20"), Below("3")]);

        Assert.Equal(["[1]", "[]", "[3]"], together.Select(a => a.Data("y")));
    }

    [Fact]
    public async Task Tensors_that_fail_the_model_fail_only_their_own_request()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.Failing, batching: OneLane);
        var model = client.Lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        var (good, bad, alsoGood) = (client.InferAsync(At(0)), client.InferAsync(At(5)), client.InferAsync(At(1)));

        model.Queue.Exit(model);

        await Assert.ThrowsAsync<InferenceRequestException>(() => bad.WaitAsync(Patience));
        Assert.Equal(("[5]", "[7]"), ((await good.WaitAsync(Patience)).Data("value"), (await alsoGood.WaitAsync(Patience)).Data("value")));

        static string At(int index) => $$"""{"inputs":[{"name":"index","shape":[1,1],"datatype":"INT64","data":[{{index}}]}]}""";
    }

    [Fact]
    public async Task Tensors_that_cannot_be_answered_in_time_are_refused_at_once()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32", OneLane with { MaxWait = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        for (var i = 0; i < 1000; i++)
            model.Queue.Cost.Record(1, TimeProvider.System.TimestampFrequency);
        Assert.True(model.Queue.TryEnter(1, out _));
        var waiting = Enumerable.Range(0, 10).Select(_ => client.InferAsync(Request("FP32", "[1,1]", "1"))).ToArray();

        var refusal = await Assert.ThrowsAsync<PredictionOverloadException>(() => client.InferAsync(
            new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(Request("FP32", "[1,1]", "1"))), null, timeout: TimeSpan.FromSeconds(1)));

        Assert.Equal(TimeSpan.FromSeconds(10), refusal.RetryAfter);
        model.Queue.Exit(model);
        await Task.WhenAll(waiting).WaitAsync(Patience);
    }

    [Theory]
    [InlineData("fp32", "FP32")]
    [InlineData("bytes", "BYTES")]
    public async Task Tensors_that_leave_at_any_moment_do_not_change_the_answers_of_others(string name, string datatype)
    {
        var seconds = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 60 : 0;
        await using var client = await InferenceClient.StartAsync("identity-" + name, new() { Mode = BatchingMode.On, Lanes = 1, MaxRows = 16 });
        var until = DateTime.UtcNow.AddSeconds(seconds);
        var answered = 0;

        do
        {
            await Parallel.ForAsync(0, 1500, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (i, _) =>
            {
                using var leaving = new CancellationTokenSource();
                var rows = i % 11 == 0 ? 40 : 1 + (i % 4);
                var data = string.Join(',', Enumerable.Range(i, 2 * rows).Select(value => datatype == "BYTES" ? $"\"{value}\"" : $"{value}"));
                var body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(Request(datatype, $"[{rows},2]", data)));
                var request = Task.Run(() => client.InferAsync(body, null, cancellationToken: leaving.Token), CancellationToken.None);
                if (i % 3 == 0)
                {
                    for (var spin = 0; spin < i % 50; spin++)
                        Thread.SpinWait(20);
                    await leaving.CancelAsync();
                }

                try
                {
                    Assert.Equal($"[{data}]", (await request.WaitAsync(Patience, CancellationToken.None)).Data("y"));
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException) when (i % 3 == 0)
                {
                    // As asked.
                }
            });
        }
        while (DateTime.UtcNow < until);

        Assert.True(answered >= 1000);
        Assert.Equal(0, client.Lease.Model.Queue.Waiting);
    }

    /// <summary>Holds the model until all requests wait, so that one turn takes them all.</summary>
    private static async Task<WireAnswer[]> TogetherAsync(InferenceClient client, string[] requests)
    {
        var model = client.Lease.Model;
        // A lane ends a little later than the last request that it ran.
        while (!model.Queue.TryEnter(1, out _))
            await Task.Delay(1);
        var waiting = requests.Select(request => client.InferAsync(request)).ToArray();
        Assert.Equal(requests.Length, model.Queue.Waiting);
        model.Queue.Exit(model);
        return await Task.WhenAll(waiting).WaitAsync(Patience);
    }

    private static string Request(string datatype, string shape, string data) =>
        $$"""{"inputs":[{"name":"x","shape":{{shape}},"datatype":"{{datatype}}","data":[{{data}}]}]}""";

    private static string Below(string data) => Request("FP32", $"[{data.Split(',').Length}]", data);

    /// <summary>Rows of <paramref name="value"/> and of a hundredth of it.</summary>
    private static string Sums(int rows, int value, string? output = null) => $$"""
        {"inputs":[{"name":"INPUT0","shape":[{{rows}},16],"datatype":"INT32","data":{{Repeated(rows * 16, value)}}},
                   {"name":"INPUT1","shape":[{{rows}},16],"datatype":"INT32","data":{{Repeated(rows * 16, Math.Max(1, value / 100))}}}]
         {{(output is null ? "" : $$""","outputs":[{"name":"{{output}}"}]""")}}}
        """;

    private static string Repeated(int times, int value) => $"[{string.Join(',', Enumerable.Repeat(value, times))}]";

    private static string Unescaped(string json) => json.Replace("\\u00e9", "é", StringComparison.OrdinalIgnoreCase);
}
