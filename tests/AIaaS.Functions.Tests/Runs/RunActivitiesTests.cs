using AIaaS.Formats;
using AIaaS.Functions.Runs;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Functions.Tests.Runs;

public sealed class RunActivitiesTests : IDisposable
{
    private static readonly RunReference Reference = new("default", "run-1");

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly Catalog _catalog;
    private readonly RunService _runs;
    private readonly LoggedLines _log = new();
    private readonly RunActivities _activities;

    public RunActivitiesTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _catalog = new Catalog(_store, TimeProvider.System);
        _runs = new RunService(_catalog, Mock.Of<IMessageQueue>(), TimeProvider.System);
        var stages = new PipelineStages(
            _catalog,
            _store,
            cluster: null!,
            _runs,
            versions: null!,
            jobs: null!,
            rounds: null!,
            registry: null!,
            endpoints: null!,
            models: null!,
            TimeProvider.System,
            NullLogger<PipelineStages>.Instance);
        _activities = new RunActivities(_runs, stages, rounds: null!, _log);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_failed_run_is_told_of_in_the_words_that_the_alert_rule_looks_for()
    {
        await RequestAsync();

        await _activities.EndAsync(new RunEnd(Reference, RunStatus.Failed, new ErrorDetail("The data cannot be used", "It has no rows.")), default);

        Assert.Equal(["Warning: Run failed: default/run-1 of the pipeline penguins: The data cannot be used"], _log.Lines);
    }

    [Fact]
    public async Task A_run_that_was_cancelled_is_no_failure()
    {
        await RequestAsync();
        await _runs.BeginAsync(Reference, default);
        await _runs.CancelAsync(Reference.Tenant, Reference.Run, default);

        await _activities.EndAsync(new RunEnd(Reference, RunStatus.Failed, new ErrorDetail("Cancelled", "It was stopped.")), default);

        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task A_run_that_succeeded_is_no_failure()
    {
        await RequestAsync();

        await _activities.EndAsync(new RunEnd(Reference, RunStatus.Succeeded, Error: null), default);

        Assert.Empty(_log.Lines);
    }

    private async Task RequestAsync()
    {
        using var table = new MemoryStream("a,b\n1,2\n"u8.ToArray());
        var housekeeping = new DatasetHousekeeping(
            _catalog, _store, new DatasetContracts(_catalog, TimeProvider.System), TimeProvider.System, NullLogger<DatasetHousekeeping>.Instance);
        await new DatasetService(_catalog, _store, housekeeping, TimeProvider.System)
            .UploadAsync(Reference.Tenant, "penguins", "penguins.csv", table, append: false, conditions: default, default);
        await _runs.RequestAsync(Reference.Tenant, "penguins", "penguins", Reference.Run, "a test", default);
    }

    private sealed class LoggedLines : ILogger<RunActivities>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
