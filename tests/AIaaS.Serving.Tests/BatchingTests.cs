using System.Text.Json;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

public sealed class BatchingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly BatchingOptions OneLane = new() { Mode = BatchingMode.On, Lanes = 1 };

    [Fact]
    public async Task An_idle_model_runs_a_request_at_once()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane);

        var prediction = client.PredictAsync("""{"rows":[{"length":1,"mass":2}]}""");

        Assert.True(prediction.IsCompletedSuccessfully);
        Assert.Equal(new RunStatistics(1, 1, 1, 0, 1), client.Lease.Runs);
    }

    [Fact]
    public async Task Requests_that_wait_run_together_and_get_what_they_would_get_alone()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel, OneLane);
        var bodies = Enumerable.Range(0, 20).Select(i => $$"""{"rows":[{{string.Join(',', Enumerable.Range(0, 1 + (i % 3)).Select(r => Penguin((7 * i) + r)))}}]}""").ToArray();
        var alone = new List<string>();
        foreach (var body in bodies)
            alone.Add(Rounded(await client.PredictAsync(body)));
        var before = client.Lease.Runs;

        var together = await TogetherAsync(client, [.. bodies.Select(body => new Func<Task<JsonElement>>(() => client.PredictAsync(body)))]);

        Assert.Equal(alone, together.Select(Rounded));
        var runs = client.Lease.Runs;
        Assert.Equal((1, 20, 39), (runs.Runs - before.Runs, runs.Requests - before.Requests, runs.Rows - before.Rows));
    }

    [Fact]
    public async Task A_run_has_no_more_rows_than_allowed()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxRows = 4, Turn = TimeSpan.FromHours(1) });

        var answers = await TogetherAsync(client, [.. Enumerable.Range(0, 9).Select(i => new Func<Task<JsonElement>>(() => client.PredictAsync(Row(i))))]);

        Assert.Equal(Enumerable.Range(0, 9).Select(i => (2.0 * i) + 0.5), answers.Select(Value));
        Assert.Equal((3, 9, 4), (client.Lease.Runs.Runs, client.Lease.Runs.Rows, client.Lease.Runs.LargestRun));
    }

    [Fact]
    public async Task A_request_with_many_rows_runs_in_parts_and_is_answered_whole()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel, OneLane with { MaxRows = 7, Turn = TimeSpan.FromHours(1) });
        var rows = Enumerable.Range(0, 50).Select(Penguin).ToArray();
        var alone = new List<string>();
        foreach (var row in rows)
            alone.Add(Rounded((await client.PredictRowsAsync(row))[0]));

        var predictions = await client.PredictRowsAsync(string.Join(',', rows));

        Assert.Equal(alone, predictions.Select(Rounded));
        Assert.Equal(7, client.Lease.Runs.LargestRun);
    }

    [Fact]
    public async Task Small_requests_take_turns_with_the_parts_of_a_big_one()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxRows = 10, Turn = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        var log = new List<string>();
        Assert.True(model.Queue.TryEnter(1, out _));

        var waiting = new[] { new Probe("big", 35, log, canSplit: true), new Probe("a", 1, log), new Probe("b", 1, log), new Probe("c", 1, log) }
            .Select(probe => model.Queue.RunAsync(probe, model, timeout: null)).ToArray();
        model.Queue.Exit(model);
        await Task.WhenAll(waiting).WaitAsync(Patience);

        Assert.Equal(["big 0+10", "a 0+1", "big 10+10", "b 0+1", "big 20+10", "c 0+1", "big 30+5"], log);
    }

    [Fact]
    public async Task A_request_that_leaves_the_queue_does_not_disturb_the_others()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane);
        using var leaving = new CancellationTokenSource();
        var queue = client.Lease.Model.Queue;
        Assert.True(queue.TryEnter(1, out _));
        var first = client.PredictAsync(Row(1));
        var second = client.PredictAsync(Row(2), cancellationToken: leaving.Token);
        var third = client.PredictAsync(Row(3));

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(Patience));
        Assert.Equal(2, queue.Waiting);
        queue.Exit(client.Lease.Model);

        Assert.Equal((2.5, 6.5), (Value(await first.WaitAsync(Patience)), Value(await third.WaitAsync(Patience))));
        Assert.Equal(2, client.Lease.Runs.Rows);
    }

    [Theory]
    [InlineData(BatchingMode.On)]
    [InlineData(BatchingMode.Auto)]
    [InlineData(BatchingMode.Off)]
    public async Task Requests_that_leave_at_any_moment_do_not_change_the_answers_of_others(BatchingMode mode)
    {
        var seconds = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 60 : 0;
        await using var client = await PredictionClient.StartAsync(
            TestModels.StringLabel, new() { Mode = mode, Lanes = 1, MaxRows = 16, ShortRun = TimeSpan.Zero });
        var expected = new Dictionary<int, string>();
        for (var i = 0; i < 30; i++)
            expected[i] = Rounded((await client.PredictRowsAsync(Penguin(i)))[0]);
        var until = DateTime.UtcNow.AddSeconds(seconds);
        var answered = 0;

        do
        {
            await Parallel.ForAsync(0, 1500, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (i, _) =>
            {
                using var leaving = new CancellationTokenSource();
                var rows = i % 11 == 0 ? 40 : 1 + (i % 4);
                var numbers = Enumerable.Range(i, rows).Select(r => r % 30).ToArray();
                var prediction = Task.Run(() => client.PredictAsync($$"""{"rows":[{{string.Join(',', numbers.Select(Penguin))}}]}""", cancellationToken: leaving.Token), CancellationToken.None);
                if (i % 3 == 0)
                {
                    for (var spin = 0; spin < i % 50; spin++)
                        Thread.SpinWait(20);
                    await leaving.CancelAsync();
                }

                try
                {
                    var answer = await prediction.WaitAsync(Patience, CancellationToken.None);
                    Assert.Equal(numbers.Select(r => expected[r]), answer.GetProperty("predictions").EnumerateArray().Select(Rounded));
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

    [Fact]
    public async Task Rows_that_fail_the_model_fail_only_their_own_request()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Failing, OneLane);
        var queue = client.Lease.Model.Queue;
        Assert.True(queue.TryEnter(1, out _));
        var good = client.PredictAsync("""{"rows":[{"index":0}]}""");
        var bad = client.PredictAsync("""{"rows":[{"index":5}]}""");
        var alsoGood = client.PredictAsync("""{"rows":[{"index":1}]}""");

        queue.Exit(client.Lease.Model);

        await Assert.ThrowsAsync<PredictionFailedException>(() => bad.WaitAsync(Patience));
        Assert.Equal((5, 7), (Value(await good.WaitAsync(Patience)), Value(await alsoGood.WaitAsync(Patience))));
    }

    [Fact]
    public async Task Requests_to_a_model_that_mixes_rows_run_by_themselves()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Centered, OneLane);

        var answers = await TogetherAsync(client, [.. Enumerable.Range(1, 5).Select(i => new Func<Task<JsonElement>>(() => client.PredictAsync($$"""{"rows":[{"x":{{i}}},{"x":{{3 * i}}}]}""")))]);

        Assert.Equal([-1, -2, -3, -4, -5], answers.Select(Value));
        Assert.Equal((5, 0), (client.Lease.Runs.Runs, client.Lease.Runs.JoinedRuns));
    }

    [Fact]
    public async Task Requests_to_a_model_whose_rows_depend_on_earlier_ones_run_by_themselves()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.RunningSum, OneLane);

        var answers = await TogetherAsync(client, [.. Enumerable.Range(1, 3).Select(i => new Func<Task<JsonElement>>(() => client.PredictAsync($$"""{"rows":[{"x":{{i}}}]}""")))]);

        Assert.Equal([1, 2, 3], answers.Select(Value));
    }

    [Fact]
    public async Task A_graph_for_one_row_answers_many()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.OneRow, OneLane);

        var predictions = await client.PredictRowsAsync("""{"x":3},{"x":1},{"x":2}""");

        Assert.Equal([3, 1, 2], predictions.Select(p => p.GetProperty("value").GetDouble()));
    }

    [Fact]
    public async Task A_model_with_short_runs_takes_no_turns()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, new() { Lanes = 1, ShortRun = TimeSpan.FromHours(1) });

        Assert.True(client.Lease.Model.Queue.TryEnter(1, out var first));
        Assert.True(client.Lease.Model.Queue.TryEnter(1, out var second));

        Assert.Equal((false, false), (first, second));
    }

    [Fact]
    public void Joining_stops_where_it_saves_nothing_and_is_tried_again()
    {
        var cost = new RunCost(new(), frequency: 1_000_000);
        cost.Record(1, 1000);
        Assert.True(cost.IsWorthJoining());
        cost.Record(10, 10_000);

        Assert.False(cost.IsWorthJoining());
        for (var i = 0; i < 254; i++)
            cost.Record(4, 4000);
        Assert.True(cost.IsWorthJoining());
    }

    [Fact]
    public void Joining_goes_on_where_rows_are_cheaper_together()
    {
        var cost = new RunCost(new(), frequency: 1_000_000);
        cost.Record(1, 1000);
        cost.Record(10, 2000);

        Assert.True(cost.IsWorthJoining());
        Assert.Equal(50, cost.RowsPerTurn);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_says_when_to_come_back()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxWaiting = 2 });
        var model = client.Lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        Task<JsonElement>[] waiting = [client.PredictAsync(Row(1)), client.PredictAsync(Row(2))];

        var refusal = await Assert.ThrowsAsync<PredictionOverloadException>(() => client.PredictAsync(Row(3)));

        Assert.True(refusal.RetryAfter >= TimeSpan.FromSeconds(1));
        model.Queue.Exit(model);
        Assert.Equal([2.5, 4.5], (await Task.WhenAll(waiting).WaitAsync(Patience)).Select(Value));
    }

    [Theory]
    [InlineData(BatchingMode.On)]
    [InlineData(BatchingMode.Off)]
    public async Task Under_overload_no_more_wait_than_allowed_and_each_request_is_answered_or_refused(BatchingMode mode)
    {
        // Three times as many callers as may run or wait at a time; each comes back until it was answered.
        const int MaxWaiting = 3;
        var answers = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 500 : 10;
        await using var client = await PredictionClient.StartAsync(
            TestModels.Slow, new() { Mode = mode, Lanes = 1, MaxWaiting = MaxWaiting, ShortRun = TimeSpan.Zero });
        var model = client.Lease.Model;
        var before = client.Lease.Runs.Requests;
        var (refusals, mostWaiting) = (0, 0);

        // Nothing runs until all have come, so that they are too many for certain.
        Assert.True(model.Queue.TryEnter(1, out _));
        var callers = Enumerable.Range(0, 3 * (MaxWaiting + 1)).Select(caller => Task.Run(async () =>
        {
            for (var answered = 0; answered < answers;)
            {
                try
                {
                    Assert.Equal(caller, Value(await client.PredictAsync($$"""{"rows":[{"x":{{caller}}}]}""")));
                    answered++;
                }
                catch (PredictionOverloadException refusal)
                {
                    Assert.True(refusal.RetryAfter >= TimeSpan.FromSeconds(1));
                    Interlocked.Increment(ref refusals);
                    await Task.Delay(1);
                }

                InterlockedMax(ref mostWaiting, model.Queue.Waiting);
            }
        })).ToArray();
        await WaitUntilAsync(() => Volatile.Read(ref refusals) >= callers.Length - MaxWaiting);
        model.Queue.Exit(model);
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(MaxWaiting, mostWaiting);
        Assert.Equal(3 * (MaxWaiting + 1) * answers, client.Lease.Runs.Requests - before);
        Assert.Equal(0, model.Queue.Waiting);
    }

    [Fact]
    public async Task A_request_that_cannot_be_answered_in_time_is_refused_at_once()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxWait = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        for (var i = 0; i < 1000; i++)
            model.Queue.Cost.Record(1, TimeProvider.System.TimestampFrequency);
        Assert.True(model.Queue.TryEnter(1, out _));
        var waiting = Enumerable.Range(0, 10).Select(i => client.PredictAsync(Row(i))).ToArray();

        var refusal = await Assert.ThrowsAsync<PredictionOverloadException>(() => client.PredictAsync(Row(3), timeout: TimeSpan.FromSeconds(1)));
        var patient = client.PredictAsync(Row(3), timeout: TimeSpan.FromMinutes(1));

        Assert.Equal(TimeSpan.FromSeconds(10), refusal.RetryAfter);
        model.Queue.Exit(model);
        await Task.WhenAll([patient, .. waiting]).WaitAsync(Patience);
    }

    [Fact]
    public async Task A_small_request_is_not_refused_for_a_large_one_that_it_takes_turns_with()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxRows = 10, Turn = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        model.Queue.Cost.Record(10, TimeProvider.System.TimestampFrequency);
        Assert.True(model.Queue.TryEnter(1, out _));
        var large = model.Queue.RunAsync(new Probe("large", 1000, [], canSplit: true), model, timeout: null);

        // One part of it, which takes a second, comes before a small request, and all of it before another large one's end.
        var small = client.PredictAsync(Row(1), timeout: TimeSpan.FromSeconds(2));
        var hasty = await Assert.ThrowsAsync<PredictionOverloadException>(() => client.PredictAsync(Row(2), timeout: TimeSpan.FromSeconds(0.5)));
        var other = await Assert.ThrowsAsync<PredictionOverloadException>(
            () => model.Queue.RunAsync(new Probe("other", 1000, [], canSplit: true), model, timeout: null));

        Assert.Equal((2, 101), (hasty.RetryAfter.TotalSeconds, other.RetryAfter.TotalSeconds));
        model.Queue.Exit(model);
        Assert.Equal(2.5, Value(await small.WaitAsync(Patience)));
        await large.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_large_request_waits_for_no_more_of_another_than_runs_before_its_own_end()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane with { MaxRows = 10, Turn = TimeSpan.FromHours(1) });
        var model = client.Lease.Model;
        model.Queue.Cost.Record(10, TimeProvider.System.TimestampFrequency);
        Assert.True(model.Queue.TryEnter(1, out _));
        var longer = model.Queue.RunAsync(new Probe("longer", 1000, [], canSplit: true), model, timeout: null);

        var shorter = model.Queue.RunAsync(new Probe("shorter", 20, [], canSplit: true), model, timeout: null);

        Assert.Equal(2, model.Queue.Waiting);
        model.Queue.Exit(model);
        await Task.WhenAll(longer, shorter).WaitAsync(Patience);
    }

    [Fact]
    public async Task Tensors_take_turns_with_rows()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, OneLane);
        using var x = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory([1f], [1, 1]);
        var model = client.Lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        var row = client.PredictAsync(Row(1));
        var tensors = client.Lease.RunAsync(["length", "mass"], [x, x], ["value"], 1, default).AsTask();
        Assert.Equal(2, model.Queue.Waiting);

        model.Queue.Exit(model);

        using var outputs = await tensors.WaitAsync(Patience);
        Assert.Equal(1.5f, outputs[0].GetTensorDataAsSpan<float>()[0]);
        Assert.Equal(2.5, Value(await row.WaitAsync(Patience)));
    }

    [Fact]
    public async Task A_queued_request_keeps_its_model_when_it_is_evicted()
    {
        var source = new FileModelSource();
        await using var server = new ModelServer(source, new() { Batching = OneLane }, TimeProvider.System);
        var reference = source.Add(TestModels.Regression);
        var lease = await server.AcquireAsync(reference, default);
        var model = lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        var response = new System.Buffers.ArrayBufferWriter<byte>();
        var prediction = new Predictor(TimeProvider.System).PredictAsync(
            lease, new("{\"rows\":[{\"length\":3,\"mass\":1}]}"u8.ToArray()), response, new("r", "m", 1), default).AsTask();

        Assert.True(server.Remove(reference));
        model.Queue.Exit(model);
        await prediction.WaitAsync(Patience);
        lease.Dispose();

        Assert.True(JsonDocument.Parse(response.WrittenMemory).RootElement.TryGetProperty("predictions", out _));
        await WaitUntilAsync(() => model.IsReleased);
    }

    /// <summary>Holds the model until all requests wait, so that one turn takes them all.</summary>
    private static async Task<JsonElement[]> TogetherAsync(PredictionClient client, Func<Task<JsonElement>>[] requests)
    {
        var model = client.Lease.Model;
        Assert.True(model.Queue.TryEnter(1, out _));
        var waiting = requests.Select(request => request()).ToArray();
        Assert.Equal(requests.Length, model.Queue.Waiting);
        model.Queue.Exit(model);
        return await Task.WhenAll(waiting).WaitAsync(Patience);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
            Interlocked.CompareExchange(ref most, value, seen);
    }

    private static string Row(int length) => $$"""{"rows":[{"length":{{length}},"mass":0}]}""";

    private static string Penguin(int i) => $$"""{"length":{{30 + (i % 30)}},"mass":{{3 + (i % 3)}},"island":"{{(i % 4) switch { 0 => "Biscoe", 1 => "Dream", 2 => "Torgersen", _ => "" }}}"}""";

    private static double Value(JsonElement answer) => answer.GetProperty("predictions")[0].GetProperty("value").GetDouble();

    /// <summary>A kernel may add up in another order for another number of rows, so that the last digits differ.</summary>
    private static string Rounded(JsonElement answer) => answer.ValueKind switch
    {
        JsonValueKind.Object => string.Join(',', answer.EnumerateObject().Where(p => p.Name != "requestId").Select(p => $"{p.Name}:{Rounded(p.Value)}")),
        JsonValueKind.Array => string.Join(';', answer.EnumerateArray().Select(Rounded)),
        JsonValueKind.Number => answer.GetDouble().ToString("F4", System.Globalization.CultureInfo.InvariantCulture),
        _ => answer.GetRawText(),
    };

    private sealed class Probe(string name, int rows, List<string> log, bool canSplit = false) : QueuedRun(rows, CancellationToken.None)
    {
        public override bool CanJoin => false;

        public override bool CanSplit => canSplit;

        public override int Run(int first, int count)
        {
            log.Add($"{name} {first}+{count}");
            return count;
        }

        public override bool JoinsWith(QueuedRun other) => false;

        public override JoinedRun Join(IReadOnlyList<QueuedRun> runs, LoadedModel model) => throw new NotSupportedException();
    }
}
