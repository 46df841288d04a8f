using System.Buffers;
using AIaaS.Formats;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

public sealed class ModelServerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly ReadOnlySequence<byte> Body = new("{\"rows\":[{\"length\":3,\"mass\":1}]}"u8.ToArray());

    private readonly FileModelSource _source = new();
    private readonly ManualTime _time = new();

    [Fact]
    public async Task Requests_at_the_same_time_load_a_model_once()
    {
        await using var server = Server();
        var reference = _source.Add(TestModels.Regression);
        var gate = new TaskCompletionSource();
        _source.Opening = (_, _) => gate.Task;

        var requests = Enumerable.Range(0, 50).Select(_ => server.AcquireAsync(reference, CancellationToken.None).AsTask()).ToArray();
        gate.SetResult();
        var leases = await Task.WhenAll(requests).WaitAsync(Patience);

        Assert.Equal(1, _source.Opened);
        Assert.All(leases, l => Assert.Same(leases[0].Model, l.Model));
        Array.ForEach(leases, l => l.Dispose());
    }

    [Fact]
    public async Task A_caller_that_gives_up_does_not_end_the_load_for_others()
    {
        await using var server = Server();
        var reference = _source.Add(TestModels.Regression);
        var gate = new TaskCompletionSource();
        _source.Opening = (_, token) => gate.Task.WaitAsync(token);
        using var impatient = new CancellationTokenSource();
        var first = server.AcquireAsync(reference, impatient.Token).AsTask();
        var second = server.AcquireAsync(reference, CancellationToken.None).AsTask();

        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();

        using var lease = await second.WaitAsync(Patience);
        Assert.Equal(reference, lease.Reference);
    }

    [Fact]
    public async Task The_least_recently_used_model_makes_room()
    {
        await using var server = Server(models: 2);
        var references = Enumerable.Range(1, 3).Select(v => _source.Add(TestModels.Regression, version: v)).ToArray();
        await UseAsync(server, references[0]);
        await UseAsync(server, references[1]);
        await UseAsync(server, references[0]);

        await UseAsync(server, references[2]);
        await UseAsync(server, references[0]);

        var statistics = server.GetStatistics();
        Assert.Equal((2, 3, 1), (statistics.Models, (int)statistics.Loads, (int)statistics.Evictions));
        await UseAsync(server, references[1]);
        Assert.Equal(4, server.GetStatistics().Loads);
    }

    [Fact]
    public async Task An_evicted_model_serves_the_requests_that_hold_it_and_is_freed_after_them()
    {
        await using var server = Server(models: 1);
        var evicted = _source.Add(TestModels.Regression, version: 1);
        var lease = await server.AcquireAsync(evicted, CancellationToken.None);
        var model = lease.Model;

        await UseAsync(server, _source.Add(TestModels.Regression, version: 2));

        Assert.Equal(1, server.GetStatistics().Evictions);
        await PredictAsync(lease);
        Assert.False(model.IsReleased);
        lease.Dispose();
        Assert.True(model.IsReleased);
    }

    [Fact]
    public async Task Disposing_a_lease_twice_releases_once()
    {
        await using var server = Server();
        var reference = _source.Add(TestModels.Regression);
        using var other = await server.AcquireAsync(reference, CancellationToken.None);
        var lease = await server.AcquireAsync(reference, CancellationToken.None);

        lease.Dispose();
        lease.Dispose();
        server.Remove(reference);

        await PredictAsync(other);
    }

    [Fact]
    public async Task No_request_fails_while_models_are_evicted_all_the_time()
    {
        await using var server = Server(models: 2);
        var references = Enumerable.Range(1, 6).Select(v => _source.Add(TestModels.Regression, version: v)).ToArray();

        await Parallel.ForAsync(0, 600, new ParallelOptions { MaxDegreeOfParallelism = 6 }, async (i, token) =>
        {
            using var lease = await server.AcquireAsync(references[i * 7 % references.Length], token);
            await PredictAsync(lease);
        }).WaitAsync(Patience);

        var statistics = server.GetStatistics();
        Assert.True(statistics.Evictions > 0);
        Assert.InRange(statistics.Models, 1, 2);
        Assert.Equal(0, statistics.LoadFailures);
    }

    [Fact]
    public async Task Loads_at_the_same_time_stay_within_the_budget_together()
    {
        await using var server = Server(models: 2);
        var references = Enumerable.Range(1, 6).Select(v => _source.Add(TestModels.Regression, version: v)).ToArray();
        var gate = new TaskCompletionSource();
        var (reading, most) = (0, 0);
        using var two = new SemaphoreSlim(0);
        _source.Reading = async _ =>
        {
            var now = Interlocked.Increment(ref reading);
            Raise(ref most, now);
            two.Release();
            await gate.Task;
            Interlocked.Decrement(ref reading);
        };

        var requests = references.Select(r => UseAsync(server, r)).ToArray();
        await two.WaitAsync(Patience);
        await two.WaitAsync(Patience);
        var isThird = await two.WaitAsync(TimeSpan.FromMilliseconds(200));
        gate.SetResult();
        await Task.WhenAll(requests).WaitAsync(Patience);

        Assert.False(isThird);
        Assert.Equal(2, most);
        Assert.Equal(6, server.GetStatistics().Loads);
    }

    [Fact]
    public async Task A_load_that_is_given_up_makes_room_for_those_that_wait()
    {
        await using var server = new ModelServer(
            _source, new() { MemoryBudgetBytes = (1 << 20) + 1000, LoadTimeout = TimeSpan.FromSeconds(1) }, TimeProvider.System);
        var (hanging, waiting) = (_source.Add(TestModels.Regression), _source.Add(TestModels.Regression, version: 2));
        var begun = new TaskCompletionSource();
        _source.Reading = reference =>
        {
            begun.TrySetResult();
            return reference == hanging ? Task.Delay(Timeout.InfiniteTimeSpan) : Task.CompletedTask;
        };
        var first = UseAsync(server, hanging);
        await begun.Task.WaitAsync(Patience);
        // The wait counts as part of a load; begun later, this one outlives the first.
        await Task.Delay(500);
        var second = UseAsync(server, waiting);

        await Assert.ThrowsAsync<ModelLoadException>(() => first.WaitAsync(Patience));
        await second.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_file_with_another_hash_is_not_served()
    {
        await using var server = Server();
        var reference = _source.Add(TestModels.Regression);
        _source.Replace(reference, TestModels.Mean);

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, reference));

        Assert.Contains("SHA-256", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_is_refused_and_other_models_go_on()
    {
        await using var server = Server();
        var good = _source.Add(TestModels.Regression, "default/good");
        using var lease = await server.AcquireAsync(good, CancellationToken.None);
        var bad = _source.Add(TestModels.Regression, "default/bad", file: [1, 2, 3, 4]);

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, bad));

        Assert.Equal(bad, failure.Model);
        Assert.Contains("not an ONNX file", failure.Reason, StringComparison.Ordinal);
        await PredictAsync(lease);
        await UseAsync(server, good);
    }

    [Fact]
    public async Task A_missing_model_is_a_load_failure()
    {
        await using var server = Server();

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, new("default/none", 1, "")));

        Assert.IsType<FileNotFoundException>(failure.InnerException);
    }

    [Fact]
    public async Task A_failure_is_remembered_briefly_and_then_tried_again()
    {
        await using var server = Server();
        var reference = _source.Add(TestModels.Regression);
        _source.Opening = (_, _) => throw new IOException("The store is away.");
        await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, reference));
        _source.Opening = (_, _) => Task.CompletedTask;

        await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, reference));
        Assert.Equal(1, _source.Opened);
        _time.Advance(TimeSpan.FromSeconds(10));
        await UseAsync(server, reference);

        Assert.Equal(2, _source.Opened);
    }

    [Fact]
    public async Task A_model_beyond_the_budget_is_refused()
    {
        await using var server = new ModelServer(_source, new() { MemoryBudgetBytes = 1000 }, _time);

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, _source.Add(TestModels.Regression)));

        Assert.Contains("1000 bytes", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_load_that_hangs_is_given_up()
    {
        await using var server = new ModelServer(_source, new() { LoadTimeout = TimeSpan.FromMilliseconds(50) }, TimeProvider.System);
        _source.Opening = (_, token) => Task.Delay(Timeout.InfiniteTimeSpan, token);

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, _source.Add(TestModels.Regression)).WaitAsync(Patience));

        Assert.Contains("took longer", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_server_refuses_requests_and_ends_its_loads()
    {
        var server = Server();
        var reference = _source.Add(TestModels.Regression);
        var opening = new TaskCompletionSource();
        _source.Opening = (_, token) =>
        {
            opening.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, token);
        };
        var waiting = server.AcquireAsync(reference, CancellationToken.None).AsTask();
        await opening.Task.WaitAsync(Patience);

        await server.DisposeAsync().AsTask().WaitAsync(Patience);

        await Assert.ThrowsAsync<ModelLoadException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => UseAsync(server, reference));
    }

    [Fact]
    public async Task A_lease_outlives_the_server()
    {
        var server = Server();
        var lease = await server.AcquireAsync(_source.Add(TestModels.Regression), CancellationToken.None);
        var model = lease.Model;

        await server.DisposeAsync();

        await PredictAsync(lease);
        lease.Dispose();
        Assert.True(model.IsReleased);
    }

    [Theory]
    [MemberData(nameof(BadSignatures))]
    public async Task A_signature_that_is_not_true_of_the_graph_is_refused(string file, ModelSignature signature, string reason)
    {
        await using var server = Server();

        var failure = await Assert.ThrowsAsync<ModelLoadException>(() => UseAsync(server, _source.Add(new TestModel(file, signature))));

        Assert.Contains(reason, failure.Reason, StringComparison.Ordinal);
    }

    public static TheoryData<string, ModelSignature, string> BadSignatures()
    {
        var regression = TestModels.Regression.Signature;
        var classifier = TestModels.StringLabel.Signature;
        return new()
        {
            { "regression", regression with { Inputs = [regression.Inputs[0]] }, "no feature for the graph's input 'mass'" },
            { "regression", regression with { Inputs = [.. regression.Inputs, TestModels.Feature("depth")] }, "no input 'depth'" },
            { "regression", regression with { Inputs = [regression.Inputs[0], TestModels.Feature("mass", type: TensorType.Float64)] }, "takes 'mass' as a tensor of Float" },
            { "regression", regression with { Inputs = [.. regression.Inputs, regression.Inputs[0]] }, "the feature 'length' twice" },
            { "regression", regression with { Outputs = [] }, "no outputs" },
            { "regression", regression with { Outputs = [new("price", OutputRole.Value, TensorType.Float32, [-1])] }, "no output 'price'" },
            { "regression", regression with { Outputs = [new("value", OutputRole.Value, TensorType.Int64, [-1])] }, "gives 'value' as a tensor of Float" },
            { "string-label", classifier with { Target = classifier.Target! with { Classes = [.. classifier.Target.Classes!.Take(2)] } }, "gives 3 probabilities for 2 classes" },
            { "string-label", classifier with { Outputs = [new("probabilities", OutputRole.Value, TensorType.Float32, [-1])] }, "gives 3 values for each row" },
            { "one-row", TestModels.OneRow.Signature with { Inputs = [TestModels.Feature("x"), TestModels.Feature("y")] }, "in the shape [1, 1]" },
            { "mean", TestModels.Mean.Signature, "the first dimension must be the rows" },
        };
    }

    private static async Task UseAsync(ModelServer server, ModelReference reference)
    {
        using var lease = await server.AcquireAsync(reference, CancellationToken.None);
    }

    private static async Task PredictAsync(ModelLease lease)
    {
        var response = new ArrayBufferWriter<byte>();
        await new Predictor(TimeProvider.System).PredictAsync(lease, Body, response, new("r", "m", 1), CancellationToken.None);
        Assert.Equal("{\"requestId\":\"r\",\"model\":{\"name\":\"m\",\"version\":1},\"predictions\":[{\"value\":5.5}]}"u8, response.WrittenSpan);
    }

    /// <summary>A server with room for so many of the test models.</summary>
    private static void Raise(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen;)
            seen = Interlocked.CompareExchange(ref most, value, seen);
    }

    private ModelServer Server(int models = 100) => new(_source, new() { MemoryBudgetBytes = models * ((1 << 20) + 1000) }, _time);
}
