using AIaaS.Functions.Hosts.Azure.Messaging;
using AIaaS.Functions.Predictions;
using AIaaS.Functions.Runs;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Azure.Tests.Messaging;

public sealed class FileQueuePumpTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly FileMessageQueue _queue;
    private readonly DurableClientSource _clients = new();
    private readonly FileQueuePump _pump;
    private readonly TaskCompletionSource<string> _raised = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FileQueuePumpTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _queue = new FileMessageQueue(new FileMessageQueueOptions { Root = _folder["queues"], FlushToDisk = false }, TimeProvider.System);
        var runs = new RunService(new Catalog(_store, TimeProvider.System), _queue, TimeProvider.System);
        var messages = new RunMessages(runs, new MessageBodies(_store), NullLogger<RunMessages>.Instance);
        _pump = new FileQueuePump(_queue, messages, new BatchPredictionMessages(null!, null!, new MessageBodies(_store)), _clients, TimeProvider.System, NullLogger<FileQueuePump>.Instance);
    }

    public Task InitializeAsync() => _pump.StartAsync(default);

    public async Task DisposeAsync()
    {
        await _pump.StopAsync(default).WaitAsync(Patience);
        _pump.Dispose();
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_message_waits_for_a_client_and_reaches_the_handler()
    {
        await _queue.SendAsync(TrainingQueues.JobEnded, BinaryData.FromString("""{"tenant":"default","run":"run-1","job":"job-1"}"""), null, default);

        _clients.Offer(Client("run-1"));

        Assert.Equal("run-1 job-ended job-1", await _raised.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_message_about_a_run_that_is_gone_is_done()
    {
        _clients.Offer(Client("run-1"));
        await _queue.SendAsync(RunQueues.Start, BinaryData.FromString("""{"tenant":"default","run":"gone"}"""), null, default);

        using var patience = new CancellationTokenSource(Patience);
        while (Directory.GetFiles(_folder["queues", RunQueues.Start], "*.msg").Length > 0)
        {
            await Task.Delay(10, patience.Token);
        }

        Assert.Empty(Directory.GetFiles(_folder["queues", RunQueues.Start, "dead"]));
    }

    private DurableTaskClient Client(string running)
    {
        var client = new Mock<DurableTaskClient>("test");
        client.Setup(each => each.GetInstanceAsync(running, It.IsAny<CancellationToken>()))
            .ReturnsAsync(new OrchestrationMetadata("RunPipeline", running) { RuntimeStatus = OrchestrationRuntimeStatus.Running });
        client.Setup(each => each.RaiseEventAsync(running, It.IsAny<string>(), It.IsAny<object?>(), It.IsAny<CancellationToken>()))
            .Callback((string instance, string name, object? payload, CancellationToken _) => _raised.TrySetResult($"{instance} {name} {payload}"))
            .Returns(Task.CompletedTask);
        return client.Object;
    }
}
