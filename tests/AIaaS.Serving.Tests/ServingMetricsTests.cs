using System.Diagnostics;
using System.Diagnostics.Metrics;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;

namespace AIaaS.Serving.Tests;

public sealed class ServingMetricsTests : IDisposable
{
    private readonly Dictionary<string, double> _sums = [];
    private readonly MeterListener _listener = new();
    private readonly Meters _meters = new();
    private readonly ServingMetrics _metrics;

    public ServingMetricsTests()
    {
        _metrics = new(_meters);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests have meters of the same name.
            if (ReferenceEquals(instrument.Meter, _meters.Meter))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument, 1, tags));
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _metrics.Dispose();
        _meters.Dispose();
    }

    [Fact]
    public async Task Requests_rows_stages_and_runs_are_measured()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, metrics: _metrics);

        await client.PredictRowsAsync("{},{},{}");
        await client.PredictRowsAsync("{}");

        Assert.Equal((2, 4), (Sum("aiaas.predictions.requests"), Sum("aiaas.predictions.rows")));
        Assert.All(["parse", "queue", "run", "write"], stage => Assert.Equal(2, Sum($"aiaas.predictions.duration {stage}")));
        Assert.Equal((4, 2), (Sum("aiaas.runs.rows"), Sum("aiaas.runs.requests")));
    }

    [Fact]
    public async Task Tensors_are_measured_as_rows_are()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Slow, metrics: _metrics);
        var engine = new InferenceEngine(new(), TimeProvider.System, _metrics);

        using (await InferAsync("""{"inputs":[{"name":"x","shape":[3,1],"datatype":"FP32","data":[1,2,3]}]}"""))
            Assert.Equal((1, 3), (Sum("aiaas.predictions.requests"), Sum("aiaas.predictions.rows")));
        await Assert.ThrowsAsync<InferenceRequestException>(async () => await InferAsync("""{"inputs":[]}"""));

        Assert.Equal(1, Sum("aiaas.predictions.errors request"));
        Assert.All(["parse", "run", "write"], stage => Assert.Equal(1, Sum($"aiaas.predictions.duration {stage}")));

        ValueTask<InferenceAnswer> InferAsync(string body) => engine.InferAsync(client.Lease, new(System.Text.Encoding.UTF8.GetBytes(body)), null, "slow", "1", timeout: null, default);
    }

    [Fact]
    public async Task Errors_are_counted_by_kind()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Failing, metrics: _metrics);

        await client.RefuseAsync("{}");
        await Assert.ThrowsAsync<PredictionFailedException>(() => client.PredictRowsAsync("{\"index\":5}"));

        Assert.Equal((1, 1), (Sum("aiaas.predictions.errors request"), Sum("aiaas.predictions.errors model")));
    }

    [Fact]
    public async Task Loads_failures_and_memory_are_measured()
    {
        var source = new FileModelSource();
        await using (var server = new ModelServer(source, new(), TimeProvider.System, metrics: _metrics))
        {
            (await server.AcquireAsync(source.Add(TestModels.Regression), default)).Dispose();
            await Assert.ThrowsAsync<ModelLoadException>(() => server.AcquireAsync(source.Add(TestModels.Regression, "bad", file: [1]), default).AsTask());
            Assert.Equal((1, 1), (Sum("aiaas.models.loads store"), Sum("aiaas.models.load_failures")));
            Assert.Equal((1, server.GetStatistics().Bytes), (Sum("aiaas.models.loaded"), (long)Sum("aiaas.models.memory")));
        }

        Assert.Equal((0, 0), (Sum("aiaas.models.loaded"), Sum("aiaas.models.memory")));
    }

    [Fact]
    public async Task A_prediction_is_a_span_below_that_of_its_request()
    {
        var ended = new List<Activity>();
        using var parent = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServingMetrics.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                // Other tests predict at the same time.
                lock (ended)
                    ended.Add(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var client = await PredictionClient.StartAsync(TestModels.Regression, metrics: _metrics);

        await client.PredictRowsAsync("{},{}");

        lock (ended)
        {
            var span = Assert.Single(ended, activity => activity.TraceId == parent.TraceId);
            Assert.Equal((parent.SpanId, 2), (span.ParentSpanId, (int)span.GetTagItem("rows")!));
        }
    }

    private double Sum(string name)
    {
        lock (_sums)
            return _sums.GetValueOrDefault(name);
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name;
        foreach (var tag in tags)
        {
            if (tag.Key is "stage" or "error" or "from" && instrument.Name != "aiaas.models.load.duration")
                name += $" {tag.Value}";
        }

        lock (_sums)
            _sums[name] = _sums.GetValueOrDefault(name) + value;
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter? Meter { get; private set; }

        public Meter Create(MeterOptions options) => Meter = new Meter(options);

        public void Dispose() => Meter?.Dispose();
    }
}
