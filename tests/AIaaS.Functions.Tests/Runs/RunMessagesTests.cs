using AIaaS.Functions.Runs;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Functions.Tests.Runs;

public sealed class RunMessagesTests : IDisposable
{
    private const string Start = """{"tenant":"default","run":"run-1"}""";

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly Catalog _catalog;
    private readonly RunService _runs;
    private readonly RunMessages _messages;
    private readonly Mock<DurableTaskClient> _client = new("test");
    private readonly List<string> _scheduled = [];
    private readonly List<string> _raised = [];

    public RunMessagesTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _catalog = new Catalog(_store, TimeProvider.System);
        _runs = new RunService(_catalog, Mock.Of<IMessageQueue>(), TimeProvider.System);
        _messages = new RunMessages(_runs, new MessageBodies(_store), NullLogger<RunMessages>.Instance);
        _client
            .Setup(client => client.ScheduleNewOrchestrationInstanceAsync(
                It.IsAny<TaskName>(), It.IsAny<object?>(), It.IsAny<StartOrchestrationOptions?>(), It.IsAny<CancellationToken>()))
            .Callback((TaskName _, object? _, StartOrchestrationOptions? options, CancellationToken _) => _scheduled.Add(options!.InstanceId!))
            .ReturnsAsync("run-1");
        _client
            .Setup(client => client.RaiseEventAsync(It.IsAny<string>(), It.IsAny<string>(), It.IsAny<object?>(), It.IsAny<CancellationToken>()))
            .Callback((string instance, string name, object? payload, CancellationToken _) => _raised.Add($"{instance} {name} {payload}"))
            .Returns(Task.CompletedTask);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_run_whose_turn_it_is_is_started()
    {
        await RequestAsync();

        await _messages.StartAsync(Start, _client.Object, default);

        Assert.Equal(["run-1"], _scheduled);
    }

    [Fact]
    public async Task A_run_that_has_begun_and_lost_its_orchestration_is_started_again()
    {
        await BeginAsync();
        Knows(null);

        await _messages.StartAsync(Start, _client.Object, default);

        Assert.Equal(["run-1"], _scheduled);
    }

    [Theory]
    [InlineData(OrchestrationRuntimeStatus.Running)]
    [InlineData(OrchestrationRuntimeStatus.Failed)]
    public async Task A_run_that_has_begun_is_left_to_its_orchestration(OrchestrationRuntimeStatus status)
    {
        await BeginAsync();
        Knows(status);

        await _messages.StartAsync(Start, _client.Object, default);

        Assert.Empty(_scheduled);
    }

    [Fact]
    public async Task A_run_that_ended_is_not_started()
    {
        await BeginAsync();
        await _runs.EndAsync(new RunReference("default", "run-1"), RunStatus.Succeeded, error: null, default);

        await _messages.StartAsync(Start, _client.Object, default);

        Assert.Empty(_scheduled);
    }

    [Fact]
    public async Task A_message_about_a_run_that_is_gone_is_done()
    {
        await _messages.StartAsync(Start, _client.Object, default);

        Assert.Empty(_scheduled);
    }

    [Theory]
    [InlineData(OrchestrationRuntimeStatus.Running, "run-1 job-ended job-1")]
    [InlineData(OrchestrationRuntimeStatus.Completed, "")]
    [InlineData(null, "")]
    public async Task The_end_of_a_job_is_told_to_an_orchestration_under_way(OrchestrationRuntimeStatus? status, string raised)
    {
        Knows(status);

        await _messages.JobEndedAsync("""{"tenant":"default","run":"run-1","job":"job-1"}""", _client.Object, default);

        Assert.Equal(raised, string.Join(';', _raised));
    }

    private async Task RequestAsync()
    {
        using var table = new MemoryStream("a,b\n1,2\n"u8.ToArray());
        var housekeeping = new DatasetHousekeeping(
            _catalog, _store, new DatasetContracts(_catalog, TimeProvider.System), TimeProvider.System, NullLogger<DatasetHousekeeping>.Instance);
        await new DatasetService(_catalog, _store, housekeeping, TimeProvider.System).UploadAsync("default", "numbers", "data.csv", table, append: false, conditions: default, default);
        await _runs.RequestAsync("default", "numbers", "numbers", "run-1", "a test", default);
    }

    private async Task BeginAsync()
    {
        await RequestAsync();
        await _runs.BeginAsync(new RunReference("default", "run-1"), default);
    }

    private void Knows(OrchestrationRuntimeStatus? status)
        => _client.Setup(client => client.GetInstanceAsync("run-1", It.IsAny<CancellationToken>()))
            .ReturnsAsync(status is { } known ? new OrchestrationMetadata("RunPipeline", "run-1") { RuntimeStatus = known } : null);
}
